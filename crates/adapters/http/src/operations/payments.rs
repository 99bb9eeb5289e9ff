//! Paying and giving back: payments, refunds, wallets. What begins to pay is gated by the feature `payments`; what ends it,
//! such as verifying and refunding, never is.

use actix_web::web;
use domicile_billing::{
    ApplyPayment, AskWallet, InitializePayment, InitializedPayment, ListPayments, PayFromWallet, PaymentView,
    RefundPayment, RefundView, RetryRefund, TopUpWallet, WalletView,
};
use domicile_kernel::{Code, Feature, Permission};

use crate::{
    answer::PDF,
    endpoints::{payments, refunds, wallet},
    operation::{Access, BodyKind, LimitClass, Operation},
};

const TAG: &str = "Payments";

pub(super) fn rows() -> Vec<Operation> {
    [payments(), refunds(), wallet()].concat()
}

fn payments() -> Vec<Operation> {
    vec![
        Operation::create("payments.initialize", "/payments/initialize", TAG, "Begin to pay", || {
            web::route().to(payments::initialize::handle)
        })
        .needs(&[Permission::PaymentsCreate])
        .gated(Feature::Payments)
        .limited(LimitClass::InitializePayment)
        .takes::<InitializePayment>()
        .answers::<InitializedPayment>()
        .or_status(202)
        .refuses(&[Code::PaymentFailed, Code::NotFound, Code::Forbidden])
        .explained(INITIALIZE),
        Operation::get(
            "payments.verify",
            "/payments/verify/{reference}",
            TAG,
            "What became of a payment, asked of its gateway",
            || web::route().to(payments::verify::handle),
        )
        .needs(&[Permission::PaymentsReadOwn])
        .answers::<PaymentView>()
        .refuses(&[Code::PaymentFailed]),
        Operation::post(
            "payments.webhook",
            "/payments/webhook/{provider}",
            TAG,
            "What a payment gateway tells",
            || web::route().to(payments::webhook::handle),
        )
        .access(Access::Public)
        .limited(LimitClass::Exempt)
        .reads(BodyKind::Raw, payments::webhook::BODY_LIMIT)
        .refuses(&[Code::Unauthorized])
        .explained(WEBHOOK),
        Operation::get("payments.list", "/payments", TAG, "The payments of the hostel, or one's own", || {
            web::route().to(payments::list::handle)
        })
        .needs(&[Permission::PaymentsReadOwn])
        .lists::<PaymentView, ListPayments>(),
        Operation::get("payments.get", "/payments/{id}", TAG, "One payment", || web::route().to(payments::get::handle))
            .needs(&[Permission::PaymentsReadOwn])
            .answers::<PaymentView>(),
        Operation::get("payments.receipt", "/payments/{id}/receipt", TAG, "The receipt of a payment, as a PDF", || {
            web::route().to(payments::receipt::handle)
        })
        .needs(&[Permission::PaymentsReadOwn])
        .sends(PDF)
        .refuses(&[Code::ResourceConflict]),
        Operation::post(
            "payments.apply",
            "/payments/{id}/apply",
            TAG,
            "Use money in suspense for another invoice of the same person",
            || web::route().to(payments::apply::handle),
        )
        .needs(&[Permission::PaymentsApply])
        .gated(Feature::Payments)
        .keyed()
        .takes::<ApplyPayment>()
        .answers::<PaymentView>(),
    ]
}

fn refunds() -> Vec<Operation> {
    vec![
        Operation::create("payments.refund", "/payments/{id}/refund", TAG, "Give back, whole or in part", || {
            web::route().to(payments::refund::handle)
        })
        .needs(&[Permission::PaymentsRefund])
        .takes::<RefundPayment>()
        .answers::<RefundView>(),
        Operation::get(
            "payments.refunds",
            "/payments/{id}/refunds",
            TAG,
            "What was given back of a payment, or is on its way",
            || web::route().to(payments::refunds::handle),
        )
        .needs(&[Permission::PaymentsReadOwn])
        .answers_many::<RefundView>(),
        Operation::get("refunds.get", "/refunds/{id}", TAG, "One refund", || web::route().to(refunds::get::handle))
            .needs(&[Permission::PaymentsReadOwn])
            .answers::<RefundView>(),
        Operation::post(
            "refunds.retry",
            "/refunds/{id}/retry",
            TAG,
            "Try a refund that needs attention once more, to an account",
            || web::route().to(refunds::retry::handle),
        )
        .needs(&[Permission::PaymentsRefund])
        .keyed()
        .takes::<RetryRefund>()
        .answers::<RefundView>(),
    ]
}

fn wallet() -> Vec<Operation> {
    vec![
        Operation::get("wallet.get", "/wallet", TAG, "What is in one's own wallet, or another's", || {
            web::route().to(wallet::get::handle)
        })
        .needs(&[Permission::PaymentsReadOwn])
        .asks::<AskWallet>()
        .answers::<WalletView>()
        .refuses(&[Code::NotFound]),
        Operation::create("wallet.topup", "/wallet/topup", TAG, "Begin to fill one's own wallet", || {
            web::route().to(wallet::topup::handle)
        })
        .needs(&[Permission::PaymentsCreate])
        .gated(Feature::Payments)
        .limited(LimitClass::InitializePayment)
        .takes::<TopUpWallet>()
        .answers::<InitializedPayment>()
        .or_status(202)
        .refuses(&[Code::PaymentFailed]),
        Operation::create("wallet.pay", "/wallet/pay", TAG, "Pay an invoice out of one's own wallet", || {
            web::route().to(wallet::pay::handle)
        })
        .needs(&[Permission::PaymentsCreate])
        .gated(Feature::Payments)
        .takes::<PayFromWallet>()
        .answers::<PaymentView>()
        .refuses(&[Code::InsufficientBalance, Code::NotFound]),
    ]
}

/// What OpenAPI says about beginning to pay.
const INITIALIZE: &str = "\
Send the payer's browser to `authorization_url`. 202 instead of 201 says that the gateway has not answered yet and there is \
no address: the payment is open all the same. Send the same again with the same `Idempotency-Key`, or ask \
`GET /payments/verify/{reference}`; neither charges twice.";

/// What OpenAPI says about webhooks.
const WEBHOOK: &str = "\
For gateways, not for clients. The signature over the raw body comes in the gateway's own header (`x-paystack-signature`, \
`x-sandbox-signature`). 200 says that it is kept, the first time and every further one; its effect comes soon after. 401: the \
signature does not fit. 404: there is no such provider here. 503: send it again.";
