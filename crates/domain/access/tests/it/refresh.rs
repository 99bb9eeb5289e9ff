//! Refresh tokens: parallel tabs, thieves, and time.

use std::time::Duration;

use domicile_access::{SecretText, usecases::sign_in::Refresh};
use domicile_kernel::Code;
use pollster::block_on;
use proptest::prelude::*;

use crate::support::{House, anonymous, code};

fn house_with_token() -> (House, SecretText) {
    let house = House::new();
    house.member("ama", "student");
    let token = house.signed_in("ama").refresh_token;
    (house, token)
}

#[test]
fn each_refresh_gives_the_next_token() {
    let (house, first) = house_with_token();
    let second = house.refresh(&first).unwrap();
    assert_ne!(first, second);
    let third = house.refresh(&second).unwrap();
    assert_ne!(second, third);
    assert_eq!(house.audited("session.refresh"), 2);
}

#[test]
fn parallel_tabs_get_the_same_successor_and_make_one_step() {
    let (house, first) = house_with_token();
    let answers: Vec<_> = (0..100).map(|_| house.refresh(&first).unwrap()).collect();
    assert!(answers.iter().all(|token| *token == answers[0]));
    assert_eq!(house.audited("session.refresh"), 1);
    house.refresh(&answers[0]).unwrap();
}

#[test]
fn the_grace_ends_with_its_twentieth_second() {
    let (house, first) = house_with_token();
    let second = house.refresh(&first).unwrap();
    house.memory.clock.advance(Duration::from_secs(20));
    assert_eq!(house.refresh(&first), Ok(second.clone()));
    house.memory.clock.advance(Duration::from_micros(1));
    assert_eq!(house.refresh(&first), Err(Code::TokenRevoked));
    assert_eq!(house.refresh(&second), Err(Code::TokenRevoked), "the whole family dies");
    assert_eq!((house.audited("session.revoke"), house.happened("session.revoked")), (1, 1));
}

#[test]
fn a_token_whose_successor_was_refreshed_ends_the_family_at_once() {
    let (house, first) = house_with_token();
    let second = house.refresh(&first).unwrap();
    let third = house.refresh(&second).unwrap();
    assert_eq!(house.refresh(&first), Err(Code::TokenRevoked));
    assert_eq!(house.refresh(&third), Err(Code::TokenRevoked));
}

#[test]
fn a_session_ends_by_idleness_and_in_any_case() {
    const DAY: Duration = Duration::from_hours(24);
    let (house, first) = house_with_token();
    house.memory.clock.advance(7 * DAY);
    assert_eq!(house.refresh(&first), Err(Code::InvalidRefreshToken));

    let mut token = house.signed_in("ama").refresh_token;
    for _ in 0..14 {
        house.memory.clock.advance(6 * DAY);
        token = house.refresh(&token).unwrap();
    }
    house.memory.clock.advance(6 * DAY);
    assert_eq!(house.refresh(&token), Err(Code::InvalidRefreshToken), "after 90 days");
}

#[test]
fn garbage_and_tokens_that_were_never_given_out_are_refused_without_harm() {
    let (house, token) = house_with_token();
    let (session, _) = token.expose().rsplit_once('.').unwrap();
    for garbage in ["", "garbage", "refresh.x.1", &format!("{session}.2"), &format!("{session}.-9223372036854775808")] {
        let answer = house.refresh(&SecretText::new(garbage));
        assert!(matches!(answer, Err(Code::InvalidRefreshToken | Code::TokenRevoked)), "{garbage}: {answer:?}");
        if garbage.ends_with(".2") {
            assert_eq!(house.refresh(&token), Ok(SecretText::new(format!("{session}.2"))));
        }
    }
    let missing = block_on(house.sign_in().refresh(&anonymous(), Refresh::default()));
    assert_eq!(code(missing), Code::ValidationError);
}

#[test]
fn the_access_token_never_outlives_the_session() {
    let (house, mut token) = house_with_token();
    const DAY: Duration = Duration::from_hours(24);
    for _ in 0..14 {
        house.memory.clock.advance(6 * DAY);
        token = house.refresh(&token).unwrap();
    }
    house.memory.clock.advance(5 * DAY + Duration::from_mins(24 * 60 - 10));
    let command = Refresh { refresh_token: Some(token) };
    let view = block_on(house.sign_in().refresh(&anonymous(), command)).unwrap();
    assert_eq!(view.expires_in, 600);
}

/// Somebody refreshes; the thief with the tokens stolen at some moment, or the honest client with the newest it was given.
#[derive(Debug, Clone, Copy)]
enum Step {
    Honest,
    Thief,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![Just(Step::Honest), Just(Step::Thief), (1u64..120).prop_map(Step::Wait)];
    proptest::collection::vec(step, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    /// A client that always presents the newest token it was given is never thrown out.
    #[test]
    fn an_honest_client_alone_is_never_thrown_out(waits in proptest::collection::vec(0u64..600_000, 1..20)) {
        let (house, mut token) = house_with_token();
        let mut total = 0;
        for wait in waits {
            total += wait;
            if total >= 90 * 86_400 {
                break;
            }
            house.memory.clock.advance(Duration::from_secs(wait));
            let next = house.refresh(&token);
            prop_assert!(next.is_ok(), "{next:?}");
            token = next.unwrap();
        }
    }

    /// Two parties who began with the same token, and never refresh within the grace of each other, cannot both go on: the
    /// second one's first refresh ends the session for both.
    #[test]
    fn a_copied_token_is_found_out_at_the_second_party_s_first_refresh(script in steps()) {
        let (house, stolen) = house_with_token();
        let (mut honest, mut thief) = (stolen.clone(), stolen);
        let (mut honest_went, mut thief_went) = (false, false);
        for step in script {
            let (own, went, other_went) = match step {
                Step::Wait(seconds) => {
                    house.memory.clock.advance(Duration::from_secs(seconds));
                    continue;
                }
                Step::Honest => (&mut honest, &mut honest_went, thief_went),
                Step::Thief => (&mut thief, &mut thief_went, honest_went),
            };
            house.memory.clock.advance(Duration::from_secs(21));
            let answer = house.refresh(own);
            if other_went {
                prop_assert_eq!(answer, Err(Code::TokenRevoked));
                prop_assert_eq!(house.refresh(&honest), Err(Code::TokenRevoked));
                prop_assert_eq!(house.refresh(&thief), Err(Code::TokenRevoked));
                return Ok(());
            }
            *own = answer.unwrap();
            *went = true;
        }
    }
}
