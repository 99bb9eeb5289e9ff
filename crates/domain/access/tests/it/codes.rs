//! One-time codes and who may burn them: only those who guess from where the code was asked for (J4a).

use std::{net::IpAddr, time::Duration};

use domicile_access::{
    Challenge, ChallengePurpose, Password, SecretText,
    usecases::sign_in::{AskForCode, Register, ResetPassword, VerifyOtp},
};
use domicile_kernel::{Call, Code, Fault, Purpose, Scope, Who};
use pollster::block_on;

use crate::support::{House, PASSWORD, anonymous, call_of, text};

const OWNER: [u8; 4] = [192, 0, 2, 7];

/// A call by nobody, from an address.
fn from(address: impl Into<IpAddr>) -> Call {
    Call { ip: Some(address.into()), ..anonymous() }
}

/// An attacker's address; each has 4 billion.
fn attacker(n: u32) -> Call {
    from((0x0A00_0000 + n).to_be_bytes())
}

/// The two things codes are for, so that everything is said of both.
#[derive(Clone, Copy)]
enum What {
    Verify,
    Reset,
}

const BOTH: [What; 2] = [What::Verify, What::Reset];

impl What {
    fn purpose(self) -> ChallengePurpose {
        match self {
            Self::Verify => ChallengePurpose::VerifyEmail,
            Self::Reset => ChallengePurpose::ResetPassword,
        }
    }

    /// Somebody who may ask for such a code, with none on its way.
    fn house(self) -> House {
        let house = House::new();
        match self {
            Self::Verify => {
                block_on(house.sign_in().register(&from([198, 51, 100, 1]), house.registration("ama"))).unwrap();
                house.memory.clock.advance(Duration::from_mins(10));
            }
            Self::Reset => {
                house.member("ama", "student");
            }
        }
        house
    }

    fn ask(self, house: &House, call: &Call) {
        let command = AskForCode { email: text("ama@example.com") };
        let answer = match self {
            Self::Verify => block_on(house.sign_in().resend_otp(call, command)),
            Self::Reset => block_on(house.sign_in().forgot_password(call, command)),
        };
        answer.unwrap();
    }

    fn guess(self, house: &House, call: &Call, otp: SecretText) -> Result<(), Code> {
        let email = text("ama@example.com");
        match self {
            Self::Verify => {
                let command = VerifyOtp { email, otp: Some(otp) };
                block_on(house.sign_in().verify_otp(call, command)).map(|_| ()).map_err(|error| error.code())
            }
            Self::Reset => {
                let new_password = Some(Password::new(PASSWORD));
                let command = ResetPassword { email, otp: Some(otp), new_password };
                block_on(house.sign_in().reset_password(call, command)).map(|_| ()).map_err(|error| error.code())
            }
        }
    }

    /// The codes on their way.
    fn open(self, house: &House) -> Vec<Challenge> {
        let call = call_of(Who::System(Purpose::SignIn), Scope::System(Purpose::SignIn));
        block_on(async {
            let mut uow = house.memory.parts.uows.begin(&call).await.unwrap();
            let email = domicile_access::Email::stored("ama@example.com".to_owned());
            let account = uow.accounts().find_by_email(&email).await.unwrap().unwrap();
            let mut codes = uow.challenges().list(account.id, self.purpose()).await.unwrap();
            uow.rollback().await.unwrap();
            codes.retain(|code| code.is_open(house.memory.parts.ambient.now()));
            codes
        })
    }
}

#[test]
fn ten_thousand_wrong_codes_from_elsewhere_leave_the_owner_s_right_one() {
    for what in BOTH {
        let house = what.house();
        what.ask(&house, &from(OWNER));
        let right = house.last_code();
        let wrong = house.wrong_code();
        let mut counted = 0;
        for n in 0..10_000 {
            match what.guess(&house, &attacker(n), wrong.clone()) {
                Err(Code::ValidationError) => counted += 1,
                Err(Code::TooManyAttempts) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(counted, 4, "the fifth and all after it are refused unlooked-at");
        assert_eq!(what.guess(&house, &attacker(0), right.clone()), Err(Code::TooManyAttempts));
        assert_eq!(what.guess(&house, &from(OWNER), wrong), Err(Code::ValidationError));
        what.guess(&house, &from(OWNER), right.clone()).unwrap();
        assert_eq!(what.guess(&house, &from(OWNER), right), Err(Code::ValidationError), "it works once");
    }
}

#[test]
fn asking_from_elsewhere_takes_nobody_s_code_away() {
    for what in BOTH {
        let house = what.house();
        what.ask(&house, &from(OWNER));
        let right = house.last_code();
        let before = house.memory.store.mails().len();
        for n in 0..1_000 {
            what.ask(&house, &attacker(n));
            // The same five tries for whoever asks, at a code that they cannot read.
            assert!(what.guess(&house, &attacker(n), SecretText::new("000000")).is_err());
        }
        assert_eq!(house.memory.store.mails().len() - before, 4, "no more than five codes are on their way");
        assert_eq!(what.open(&house).len(), 5);
        what.guess(&house, &from(OWNER), right).unwrap();
        assert!(what.open(&house).is_empty(), "what they were to prove is proved");
    }
}

#[test]
fn the_owner_asks_anew_from_the_same_place_however_many_others_asked() {
    for what in BOTH {
        let house = what.house();
        what.ask(&house, &from(OWNER));
        let old = house.last_code();
        for n in 0..10 {
            what.ask(&house, &attacker(n));
        }
        what.ask(&house, &from(OWNER));
        assert_ne!(house.last_code(), old);
        assert_eq!(what.guess(&house, &from(OWNER), old), Err(Code::ValidationError));
        what.guess(&house, &from(OWNER), house.last_code()).unwrap();
    }
}

#[test]
fn a_code_asked_for_at_home_may_be_typed_on_the_bus() {
    for what in BOTH {
        let house = what.house();
        what.ask(&house, &from(OWNER));
        for n in 0..4 {
            assert_eq!(what.guess(&house, &attacker(n), house.wrong_code()), Err(Code::ValidationError));
        }
        what.guess(&house, &from([203, 0, 113, 9]), house.last_code()).unwrap();
    }
}

#[test]
fn guesses_at_an_account_are_bounded_wherever_they_come_from() {
    for what in BOTH {
        let house = what.house();
        let wrong = SecretText::new("123456");
        for n in 0..100 {
            what.ask(&house, &attacker(n));
        }
        let codes = what.open(&house);
        assert!(codes.iter().all(|code| !house.memory.parts.codes.matches(
            code.id.uuid(),
            wrong.expose(),
            &code.code_hash
        )));
        for n in 0..2_000 {
            what.guess(&house, &attacker(n % 200), wrong.clone()).unwrap_err();
        }
        let looked_at: i64 = what.open(&house).iter().map(|code| code.attempts + code.foreign_attempts).sum();
        assert!(looked_at <= 50, "{looked_at} guesses were looked at");
    }
}

#[test]
fn registering_an_address_again_ends_the_codes_of_the_one_before_wherever_they_went() {
    let house = House::new();
    block_on(house.sign_in().register(&from(OWNER), house.registration("ama"))).unwrap();
    let owners = house.last_code();
    let stolen = Register { password: Some(Password::new("Stranger-123!")), ..house.registration("ama") };
    block_on(house.sign_in().register(&attacker(1), stolen)).unwrap();
    // The owner's code would prove the address for the stranger's password.
    assert!(What::Verify.guess(&house, &from(OWNER), owners).is_err());
    assert_eq!(What::Verify.open(&house).len(), 1);
}

#[test]
fn who_invites_guesses_no_code() {
    let house = House::new();
    let operator = Call { ip: Some(OWNER.into()), ..house.operator() };
    let command = domicile_access::usecases::directory::CreateUser {
        email: text("ama@example.com"),
        first_name: text("Ama"),
        last_name: text("Kufuor"),
        role: text("student"),
        ..Default::default()
    };
    block_on(house.directory().create_user(&operator, command)).unwrap();
    assert_eq!(What::Reset.open(&house)[0].asked_from.as_str(), "");
    What::Reset.guess(&house, &from([203, 0, 113, 9]), house.last_code()).unwrap();
}
