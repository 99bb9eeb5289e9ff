//! Bills and books: quotes, invoices, deposits, terms, statements, the ledger. Not gated by a feature: what is owed is owed.

use actix_web::web;
use domicile_billing::{
    AnswerDeposit, AskQuote, AskStatement, AssessDeposit, BalanceView, DepositView, InvoiceView, JournalView,
    ListDeposits, ListInvoices, ListJournals, PutAsideView, QuarantineView, QuoteView, SettleDeposit, TermsView,
    UpdateTerms,
};
use domicile_kernel::{Code, Permission};

use crate::{
    answer::PDF,
    endpoints::{billing, deposits, invoices, ledger, quotes},
    operation::Operation,
};

const TAG: &str = "Billing";

pub(super) fn rows() -> Vec<Operation> {
    [bills(), deposits(), books()].concat()
}

fn bills() -> Vec<Operation> {
    vec![
        Operation::get("quotes.get", "/quotes", TAG, "What a stay would cost, and its bills", || {
            web::route().to(quotes::room::handle)
        })
        .needs(&[Permission::RoomsRead])
        .asks::<AskQuote>()
        .answers::<QuoteView>()
        .refuses(&[Code::NotFound]),
        Operation::get("bookings.quote", "/bookings/{id}/quote", TAG, "The bills of a stay that was asked for", || {
            web::route().to(quotes::booking::handle)
        })
        .needs(&[Permission::BookingsReadOwn])
        .answers::<QuoteView>(),
        Operation::get("invoices.list", "/invoices", TAG, "The invoices of the hostel, or one's own", || {
            web::route().to(invoices::list::handle)
        })
        .needs(&[Permission::PaymentsReadOwn])
        .lists::<InvoiceView, ListInvoices>(),
        Operation::get("invoices.get", "/invoices/{id}", TAG, "One invoice", || web::route().to(invoices::get::handle))
            .needs(&[Permission::PaymentsReadOwn])
            .answers::<InvoiceView>(),
        Operation::get(
            "billing.statement",
            "/billing/statement",
            TAG,
            "What was billed to somebody and paid by them in a time, as a PDF",
            || web::route().to(billing::statement::handle),
        )
        .needs(&[Permission::PaymentsReadOwn])
        .asks::<AskStatement>()
        .sends(PDF)
        .refuses(&[Code::NotFound]),
        Operation::get("billing.terms", "/billing/terms", TAG, "The terms the hostel bills by", || {
            web::route().to(billing::terms::handle)
        })
        .needs(&[Permission::PaymentsReadAll])
        .answers::<TermsView>(),
        Operation::put("billing.update_terms", "/billing/terms", TAG, "Change the terms the hostel bills by", || {
            web::route().to(billing::update_terms::handle)
        })
        .needs(&[Permission::BillingManage])
        .versioned()
        .takes::<UpdateTerms>()
        .answers::<TermsView>(),
    ]
}

fn deposits() -> Vec<Operation> {
    vec![
        Operation::get("deposits.list", "/deposits", TAG, "The deposits of the hostel, or one's own", || {
            web::route().to(deposits::list::handle)
        })
        .needs(&[Permission::PaymentsReadOwn])
        .lists::<DepositView, ListDeposits>(),
        Operation::get("deposits.get", "/deposits/{id}", TAG, "One deposit", || web::route().to(deposits::get::handle))
            .needs(&[Permission::PaymentsReadOwn])
            .answers::<DepositView>(),
        Operation::moves("deposits.assess", "/deposits/{id}/assess", TAG, "Propose what to keep of a deposit", || {
            web::route().to(deposits::assess::handle)
        })
        .needs(&[Permission::DepositsManage])
        .versioned()
        .takes::<AssessDeposit>()
        .answers::<DepositView>(),
        Operation::moves("deposits.answer", "/deposits/{id}/answer", TAG, "Agree to deductions, or object", || {
            web::route().to(deposits::answer::handle)
        })
        .needs(&[Permission::PaymentsReadOwn])
        .versioned()
        .takes::<AnswerDeposit>()
        .answers::<DepositView>(),
        Operation::moves(
            "deposits.settle",
            "/deposits/{id}/settle",
            TAG,
            "Keep what is deducted, return the rest",
            || web::route().to(deposits::settle::handle),
        )
        .needs(&[Permission::DepositsManage])
        .versioned()
        .takes::<SettleDeposit>()
        .answers::<DepositView>(),
    ]
}

fn books() -> Vec<Operation> {
    vec![
        Operation::get("ledger.journals", "/admin/ledger/journals", TAG, "The journals of the ledger", || {
            web::route().to(ledger::journals::handle)
        })
        .needs(&[Permission::LedgerRead])
        .lists::<JournalView, ListJournals>(),
        Operation::get("ledger.balances", "/admin/ledger/balances", TAG, "What the accounts of each kind hold", || {
            web::route().to(ledger::balances::handle)
        })
        .needs(&[Permission::LedgerRead])
        .answers_many::<BalanceView>(),
        Operation::get(
            "ledger.quarantine",
            "/admin/ledger/quarantine",
            TAG,
            "What gateways told and did not fit what was asked for",
            || web::route().to(ledger::quarantine::handle),
        )
        .needs(&[Permission::LedgerRead])
        .lists::<QuarantineView, ledger::quarantine::Quarantined>(),
        Operation::get(
            "ledger.put_aside",
            "/admin/ledger/put-aside",
            TAG,
            "What gateways told that had no effect, and why",
            || web::route().to(ledger::put_aside::handle),
        )
        .needs(&[Permission::LedgerRead])
        .lists::<PutAsideView, ledger::put_aside::PutAside>(),
    ]
}
