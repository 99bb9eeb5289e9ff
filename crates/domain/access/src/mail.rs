//! The mails this context wants sent. A mail is a job (`mail.send`) written in the transaction that wants it; whoever does
//! the job renders it with [`Mail::subject`] and [`Mail::text`]. Pure: nothing here knows how a mail travels.

use std::{collections::BTreeMap, time::Duration};

use domicile_kernel::{Ambient, NewJob};
use serde::{Deserialize, Serialize};

use crate::model::Email;

/// The kind of the job whose payload is a [`Mail`].
pub const SEND_MAIL: &str = "mail.send";

/// Which mail it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTemplate {
    /// Prove that the address is yours. Parameters `name`, `code`, `minutes`.
    VerifyEmail,
    /// Choose a new password. Parameters `name`, `code`, `minutes`.
    ResetPassword,
    /// Somebody registered with an address that has an account. Parameter `name`.
    AlreadyRegistered,
    /// The password was changed. Parameter `name`.
    PasswordChanged,
    /// Somebody made an account for you: choose a password. Parameters `name`, `hostel`, `code`, `minutes`.
    AccountCreatedSetPassword,
}

impl MailTemplate {
    /// Every template.
    pub const ALL: &'static [Self] = &[
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::AlreadyRegistered,
        Self::PasswordChanged,
        Self::AccountCreatedSetPassword,
    ];
}

/// A mail to be sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// Which mail.
    pub template: MailTemplate,
    /// What the template asks for.
    pub params: BTreeMap<String, String>,
}

/// Shows neither address nor parameters: they may hold a code.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("template", &self.template).finish_non_exhaustive()
    }
}

impl Mail {
    /// A mail without parameters yet.
    #[must_use]
    pub fn new(to: &Email, template: MailTemplate) -> Self {
        Self { to: to.as_str().to_owned(), template, params: BTreeMap::new() }
    }

    /// The same mail with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// The same mail with a code and how long it lives, told in whole minutes.
    #[must_use]
    pub fn with_code(self, code: &str, ttl: Duration) -> Self {
        self.with("code", code).with("minutes", (ttl.as_secs() / 60).to_string())
    }

    /// The job that sends it, due now.
    #[must_use]
    pub fn job(&self, ambient: &Ambient) -> NewJob {
        let id = ambient.id::<domicile_kernel::JobId>();
        NewJob {
            id,
            kind: SEND_MAIL,
            key: id.to_string(),
            due: ambient.now(),
            payload: serde_json::to_value(self).unwrap_or_default(),
        }
    }

    /// The subject: one line, never with anything a person typed.
    #[must_use]
    pub const fn subject(&self) -> &'static str {
        match self.template {
            MailTemplate::VerifyEmail => "Confirm your email address",
            MailTemplate::ResetPassword => "Reset your password",
            MailTemplate::AlreadyRegistered => "You already have an account",
            MailTemplate::PasswordChanged => "Your password was changed",
            MailTemplate::AccountCreatedSetPassword => "An account was made for you",
        }
    }

    /// The body as plain text. A code stands on a line of its own: `Your code: 123456`.
    #[must_use]
    pub fn text(&self) -> String {
        let greeting = match self.param("name") {
            "" => "Hello,".to_owned(),
            name => format!("Hello {name},"),
        };
        let code = format!(
            "Your code: {}\n\nIt works for {} minutes. Nobody from the house will ever ask you for it.",
            self.param("code"),
            self.param("minutes")
        );
        let body = match self.template {
            MailTemplate::VerifyEmail => {
                format!("enter this code to confirm that this address is yours.\n\n{code}\n\nIf you did not register, ignore this mail.")
            }
            MailTemplate::ResetPassword => {
                format!("enter this code to choose a new password.\n\n{code}\n\nIf you did not ask for it, ignore this mail: your password stays as it is.")
            }
            MailTemplate::AlreadyRegistered => "somebody tried to register with your address, but you already have an account.\n\nIf it was you, sign in, or choose \"forgot password\" if you do not know your password. If it was not you, ignore this mail: nothing was changed.".to_owned(),
            MailTemplate::PasswordChanged => "your password was changed, and every other device was signed out.\n\nIf it was not you, choose \"forgot password\" now and tell the people who run your house.".to_owned(),
            MailTemplate::AccountCreatedSetPassword => {
                let hostel = match self.param("hostel") {
                    "" => "your house",
                    hostel => hostel,
                };
                format!("an account was made for you at {hostel}. Enter this code to choose a password.\n\n{code}\n\nIf the code is too old, choose \"forgot password\" to get a new one.")
            }
        };
        format!("{greeting}\n\n{body}\n")
    }

    fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_on_a_line_of_its_own() {
        let to = Email::parse("ama@example.com").unwrap();
        for template in
            [MailTemplate::VerifyEmail, MailTemplate::ResetPassword, MailTemplate::AccountCreatedSetPassword]
        {
            let mail = Mail::new(&to, template).with_code("012345", Duration::from_mins(10));
            assert!(mail.text().lines().any(|line| line == "Your code: 012345"), "{}", mail.text());
            assert!(!format!("{mail:?}").contains("012345"));
        }
    }

    #[test]
    fn a_mail_survives_being_a_job() {
        let (ambient, _) = domicile_kernel::ports::fixed::ambient("2026-01-20T10:00:00Z");
        for template in MailTemplate::ALL {
            let mail = Mail::new(&Email::parse("a@b.co").unwrap(), *template).with("name", "Ama");
            let job = mail.job(&ambient);
            assert_eq!(job.kind, "mail.send");
            assert_eq!(serde_json::from_value::<Mail>(job.payload).unwrap(), mail);
            assert!(mail.text().starts_with("Hello Ama,\n"));
            assert!(!mail.subject().is_empty());
        }
    }
}
