//! A house with people in it, and the calls they make.

use std::fmt::Debug;

use domicile_access::{
    Admissions, Directory, HostelRequirement, Mail, OwnAccount, Password, Registration, SecretText, SignIn,
    memory::Memory,
    usecases::{
        directory::{CreateSuperAdmin, CreateUser},
        sign_in::{Login, Refresh, Register, SignedInView},
    },
};
use domicile_kernel::{AccountId, Actor, Call, Code, Fault, HostelId, Purpose, RequestId, Scope, Who};

pub(crate) const PASSWORD: &str = "Kente-cloth-7!";

/// An installation with one open hostel.
pub(crate) struct House {
    pub(crate) memory: Memory,
    pub(crate) hostel: HostelId,
}

#[expect(clippy::unnecessary_wraps, reason = "every field of a command is optional")]
pub(crate) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "tests vouch")]
pub(crate) fn call_of(who: Who, scope: Scope) -> Call {
    Call::new(Actor::vouched_for(who), scope, RequestId::accept("test").unwrap())
}

pub(crate) fn anonymous() -> Call {
    call_of(Who::Anonymous, Scope::System(Purpose::SignIn))
}

/// The refusal's code.
pub(crate) fn code<T: Debug, E: Fault>(result: Result<T, E>) -> Code {
    result.unwrap_err().code()
}

impl House {
    pub(crate) fn new() -> Self {
        let memory = Memory::at("2026-01-20T10:00:00Z");
        let hostel = memory.open_hostel("Unity Hall", Registration::Open);
        Self { memory, hostel }
    }

    pub(crate) fn sign_in(&self) -> SignIn {
        SignIn::new(self.memory.parts.clone())
    }

    pub(crate) fn own(&self) -> OwnAccount {
        OwnAccount::new(self.memory.parts.clone())
    }

    pub(crate) fn directory(&self) -> Directory {
        Directory::new(self.memory.parts.clone())
    }

    pub(crate) fn admissions(&self) -> Admissions {
        Admissions::new(self.memory.parts.clone())
    }

    pub(crate) fn hashes(&self) -> usize {
        self.memory.hasher.take_count()
    }

    pub(crate) fn operator(&self) -> Call {
        call_of(Who::Operator, Scope::Hostel(self.hostel))
    }

    pub(crate) fn last_mail(&self) -> Mail {
        self.memory.store.mails().pop().unwrap()
    }

    /// The code of the last mail.
    pub(crate) fn last_code(&self) -> SecretText {
        SecretText::new(self.last_mail().params["code"].clone())
    }

    /// A code that is not the one of the last mail.
    pub(crate) fn wrong_code(&self) -> SecretText {
        let right: u32 = self.last_code().expose().parse().unwrap();
        SecretText::new(format!("{:06}", (right + 1) % 1_000_000))
    }

    pub(crate) fn registration(&self, name: &str) -> Register {
        Register {
            email: Some(format!("{name}@example.com")),
            password: Some(Password::new(PASSWORD)),
            first_name: text(name),
            last_name: text("Kufuor"),
            hostel_id: Some(self.hostel.to_string()),
            ..Register::default()
        }
    }

    pub(crate) fn login(name: &str) -> Login {
        Login {
            identifier: Some(format!("{name}@example.com")),
            password: Some(Password::new(PASSWORD)),
            ..Login::default()
        }
    }

    /// A member of the hostel who can sign in.
    pub(crate) fn member(&self, name: &str, role: &str) -> AccountId {
        self.member_of(self.hostel, name, role)
    }

    pub(crate) fn member_of(&self, hostel: HostelId, name: &str, role: &str) -> AccountId {
        let command = CreateUser {
            email: Some(format!("{name}@example.com")),
            first_name: text(name),
            last_name: text("Kufuor"),
            role: text(role),
            password: Some(Password::new(PASSWORD)),
            ..CreateUser::default()
        };
        let call = call_of(Who::Operator, Scope::Hostel(hostel));
        pollster::block_on(self.directory().create_user(&call, command)).unwrap().id
    }

    pub(crate) fn super_admin(&self) -> AccountId {
        let command = CreateSuperAdmin {
            email: text("root@example.com"),
            password: Some(Password::new(PASSWORD)),
            ..CreateSuperAdmin::default()
        };
        pollster::block_on(self.directory().create_super_admin(&self.operator(), command)).unwrap().id
    }

    pub(crate) fn signed_in(&self, name: &str) -> SignedInView {
        pollster::block_on(self.sign_in().login(&anonymous(), Self::login(name))).unwrap()
    }

    /// Signs in and stands in the hostel.
    pub(crate) fn call(&self, name: &str) -> Call {
        self.call_with(&self.signed_in(name), Some(self.hostel))
    }

    /// The call of somebody signed in.
    pub(crate) fn call_with(&self, signed_in: &SignedInView, hostel: Option<HostelId>) -> Call {
        let token = signed_in.access_token.expose();
        let admitted =
            pollster::block_on(self.admissions().admit(Some(token), HostelRequirement::Optional(hostel))).unwrap();
        let scope = match (admitted.hostel, admitted.actor.account()) {
            (Some(hostel), _) => Scope::Hostel(hostel),
            (None, Some(account)) => Scope::Account(account),
            (None, None) => Scope::System(Purpose::SignIn),
        };
        Call { flags: admitted.flags, ..Call::new(admitted.actor, scope, RequestId::accept("test").unwrap()) }
    }

    pub(crate) fn refresh(&self, token: &SecretText) -> Result<SecretText, Code> {
        let command = Refresh { refresh_token: Some(token.clone()) };
        pollster::block_on(self.sign_in().refresh(&anonymous(), command))
            .map(|view| view.refresh_token)
            .map_err(|error| error.code())
    }

    pub(crate) fn audited(&self, action: &str) -> usize {
        self.memory.store.audit_rows().iter().filter(|(_, row)| row.action == action).count()
    }

    pub(crate) fn happened(&self, kind: &str) -> usize {
        self.memory.store.events().iter().filter(|event| event.kind == kind).count()
    }
}
