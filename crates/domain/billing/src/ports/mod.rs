//! What this context needs from outside. What is promised here of stores is checked by [`contract`](crate::contract),
//! which runs over the ports in memory and over each database.

mod gateway;
mod lookout;
mod printer;
mod store;

pub use gateway::{
    AccountDetails, ChargeReport, ChargeStatus, Checkout, Domain, GatewayError, Gateways, NewCharge, NewRefund,
    PaymentGateway, RefundReport, RefundStatus, Unreadable, WebhookEvent, WebhookKind,
};
pub use lookout::{Lookout, PutAside};
pub use printer::{PrintError, Printer, ReceiptLine, ReceiptSheet, StatementLine, StatementSheet};
pub use store::{
    AllocationRepository, BillingUow, BillingUows, DepositRepository, InboxRepository, InvoiceRepository, Ledger,
    PaymentRepository, PaymentWritten, Posted, QuarantineRepository, Received, RefundRepository, StayReader,
    TermsRepository, Written,
};
