//! Who may tell us anything: only a body that is signed as it stands.

use std::sync::Arc;

use domicile_billing::ports::PaymentGateway;
use domicile_payments::SecretKey;
use serde_json::json;

use crate::support::{KEY, paystack_at, sandbox};

fn body() -> Vec<u8> {
    let padding = "x".repeat(1_700);
    json!({"event": "charge.success", "data": {"id": 1, "domain": "test", "status": "success", "reference": "pay-0190a1",
        "amount": 45_000, "currency": "GHS", "metadata": padding}})
    .to_string()
    .into_bytes()
}

/// Both gateways, each with the key it signs with.
fn gateways() -> Vec<(Arc<dyn PaymentGateway>, SecretKey)> {
    let sandbox_key = SecretKey::new("the-sandbox-signs-with-this").unwrap();
    vec![(Arc::new(paystack_at("http://127.0.0.1:9")), SecretKey::new(KEY).unwrap()), (sandbox().gateway, sandbox_key)]
}

#[test]
fn a_body_with_one_bit_flipped_anywhere_is_refused() {
    for (gateway, key) in gateways() {
        let mut body = body();
        let signature = key.sign(&body);
        assert!(gateway.authenticate(Some(&signature), &body), "{}", gateway.provider());
        for at in 0..body.len() {
            for bit in 0..8 {
                body[at] ^= 1 << bit;
                assert!(!gateway.authenticate(Some(&signature), &body), "{}: byte {at}, bit {bit}", gateway.provider());
                body[at] ^= 1 << bit;
            }
        }
        assert!(gateway.authenticate(Some(&signature), &body));
    }
}

#[test]
fn a_signature_with_one_bit_flipped_anywhere_is_refused() {
    for (gateway, key) in gateways() {
        let body = body();
        let signature = key.sign(&body);
        for at in 0..signature.len() {
            for bit in 0..7 {
                let mut flipped = signature.clone().into_bytes();
                flipped[at] ^= 1 << bit;
                let flipped = String::from_utf8(flipped).unwrap();
                assert!(!gateway.authenticate(Some(&flipped), &body), "{}: {at}, {bit}", gateway.provider());
            }
        }
    }
}

#[test]
fn a_signature_is_128_lower_case_hexadecimal_digits_and_nothing_else() {
    for (gateway, key) in gateways() {
        let body = body();
        let right = key.sign(&body);
        assert_eq!(right.len(), 128);
        let wrong = [
            None,
            Some(String::new()),
            Some(right.to_uppercase()),
            Some(right[..127].to_owned()),
            Some(right[..64].to_owned()),
            Some(format!("{right}0")),
            Some(format!(" {right}")),
            Some(format!("{right}\n")),
            Some(format!("sha512={right}")),
            Some(format!("0x{}", &right[2..])),
            Some(format!("{right},{right}")),
            Some("0".repeat(128)),
            Some("g".repeat(128)),
            Some("ß".repeat(64)),
        ];
        for signature in wrong {
            assert!(!gateway.authenticate(signature.as_deref(), &body), "{}: {signature:?}", gateway.provider());
        }
    }
}

#[test]
fn another_key_or_another_writing_of_the_same_json_is_refused() {
    for (gateway, key) in gateways() {
        let body = body();
        let another = SecretKey::new("sk_test_thekeyofsomebody01234567").unwrap();
        assert!(!gateway.authenticate(Some(&another.sign(&body)), &body), "{}", gateway.provider());
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        assert!(!gateway.authenticate(Some(&key.sign(&body)), &pretty), "{}", gateway.provider());
        assert!(gateway.authenticate(Some(&key.sign(&pretty)), &pretty));
        assert!(gateway.authenticate(Some(&key.sign(b"")), b""));
    }
}

#[test]
fn each_gateway_has_a_header_and_a_key_of_its_own() {
    let [(paystack, key), (sandbox, _)] = &gateways()[..] else { panic!("two gateways") };
    assert_eq!(paystack.signature_header(), "x-paystack-signature");
    assert_ne!(paystack.signature_header(), sandbox.signature_header());
    assert!(!sandbox.authenticate(Some(&key.sign(b"{}")), b"{}"));
}
