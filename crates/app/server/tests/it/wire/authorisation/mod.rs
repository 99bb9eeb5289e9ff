//! Who may do what: every operation by every sort of caller, against one table written by hand (J6, W16).

mod ownership;
mod purse;
mod stage;
mod table;
mod trail;

use std::collections::BTreeSet;

use domicile_http::{
    operation::{Access, Operation},
    operations,
};
use domicile_payments::sandbox::SandboxRefundState;
use domicile_server::settings::Provider;
use serde_json::{Value, json};

use self::{
    stage::Stage,
    table::{COLUMNS, TABLE, Who},
};
use crate::support::{On, TestApp};

#[test]
fn every_operation_has_a_row_and_every_row_an_operation() {
    let rows: Vec<_> = TABLE.iter().map(|(id, _)| *id).collect();
    let table: BTreeSet<_> = rows.iter().copied().collect();
    assert_eq!(table.len(), rows.len(), "an operation has two rows");
    let operations: BTreeSet<_> = operations::all().iter().map(|operation| operation.id).collect();
    assert_eq!(table.difference(&operations).collect::<Vec<_>>(), Vec::<&&str>::new(), "rows without an operation");
    assert_eq!(operations.difference(&table).collect::<Vec<_>>(), Vec::<&&str>::new(), "operations without a row");
}

#[test]
fn what_anybody_may_ask_is_the_closed_list() {
    let public: BTreeSet<_> = operations::all()
        .iter()
        .filter(|operation| operation.access == Access::Public)
        .map(Operation::full_path)
        .collect();
    let expected: BTreeSet<_> = [
        "/",
        "/api",
        "/api/auth/forgot-password",
        "/api/auth/login",
        "/api/auth/refresh-token",
        "/api/auth/register",
        "/api/auth/resend-otp",
        "/api/auth/reset-password",
        "/api/auth/verify-otp",
        "/api/health",
        "/api/openapi.json",
        "/api/payments/webhook/{provider}",
        "/docs",
        "/docs/errors",
        "/docs/live",
        "/docs/{file}",
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/sandbox/checkout/{ticket}",
        "/ws",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(public, expected);
    let answered: BTreeSet<_> =
        TABLE.iter().filter(|(_, row)| row[0] < 400 || row[0] == UPGRADE).map(|(id, _)| *id).collect();
    let of_public: BTreeSet<_> = operations::all()
        .iter()
        .filter(|operation| operation.access == Access::Public)
        .map(|operation| operation.id)
        .collect();
    assert_eq!(answered, of_public, "the table lets anonymous callers into exactly these");
}

/// What everybody is told where only sockets are spoken, who they are being asked on the socket.
const UPGRADE: u16 = 426;

/// With a gateway of which every refund needs attention, so that one can be tried again.
async fn prepared(on: On) -> TestApp {
    TestApp::start_with_settings(on, |settings| {
        let Provider::Sandbox(sandbox) = &mut settings.payments.provider else { panic!("tests pay by the sandbox") };
        sandbox.refunds = SandboxRefundState::NeedsAttention;
    })
    .await
}

/// Chapters that are about money: their operations are asked in tests of their own, beside the others.
const MONEY: [&str; 3] = ["Billing", "Payments", "Sandbox"];

async fn each_caller_gets_from_each_operation_what_the_table_says(app: TestApp, about_money: bool) {
    let stage = Stage::set(app).await;
    let mut wrong = Vec::new();
    for operation in operations::all().iter().filter(|operation| MONEY.contains(&operation.tag) == about_money) {
        let Some((_, expected)) = TABLE.iter().find(|(id, _)| *id == operation.id) else { continue };
        for (who, expected) in COLUMNS.into_iter().zip(expected) {
            let caller = stage.caller(who, operation.id == "auth.password").await;
            let question = stage.question(operation.id, who, &caller).await;
            let told = stage.ask(operation, &caller, &question).await;
            if told.status != *expected {
                wrong.push(format!(
                    "{} by {who:?}: expected {expected}, was {} {}",
                    operation.id, told.status, told.text
                ));
            }
            let code = match (who, told.status) {
                (Who::Anonymous, 401) => "UNAUTHORIZED",
                (Who::Revoked, 401) => "TOKEN_REVOKED",
                (Who::Garbage, 401) => "INVALID_TOKEN",
                (Who::Expired, 401) => "TOKEN_EXPIRED",
                (Who::ForeignAdmin, 403) if operation.access != Access::Account => "FORBIDDEN",
                // A super_admin lacks no permission; but nobody pays or answers in a resident's place.
                (Who::SuperAdmin, 403) => "FORBIDDEN",
                (_, 403) => "INSUFFICIENT_PERMISSIONS",
                (_, UPGRADE) => "UPGRADE_REQUIRED",
                _ => "",
            };
            if told.code() != code {
                wrong.push(format!("{} by {who:?}: expected the code {code}, was {}", operation.id, told.text));
            }
            if told.status == 401 && !told.header("www-authenticate").starts_with("Bearer") {
                wrong.push(format!("{} by {who:?}: nothing says how to sign in", operation.id));
            }
            if code == "INSUFFICIENT_PERMISSIONS" {
                let role = match who {
                    Who::Member(role) => json!(role),
                    // Outside a hostel nobody but a super_admin has a role.
                    _ => Value::Null,
                };
                let named = told.data()["required_permission"].is_string();
                let own = told.data()["your_role"] == role || operation.access == Access::Account;
                if !(named && own) {
                    wrong.push(format!("{} by {who:?}: what is missing is not told: {}", operation.id, told.text));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_gets_from_each_operation_what_the_table_says_on_sqlite() {
    each_caller_gets_from_each_operation_what_the_table_says(prepared(On::Sqlite).await, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_gets_from_each_operation_what_the_table_says_on_postgres() {
    each_caller_gets_from_each_operation_what_the_table_says(prepared(On::Postgres).await, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_gets_from_each_operation_on_money_what_the_table_says_on_sqlite() {
    each_caller_gets_from_each_operation_what_the_table_says(prepared(On::Sqlite).await, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_gets_from_each_operation_on_money_what_the_table_says_on_postgres() {
    each_caller_gets_from_each_operation_what_the_table_says(prepared(On::Postgres).await, true).await;
}
