//! The sandbox's page, for HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use domicile_http::ports::{Checkout, CheckoutOutcome, CheckoutPage};
use domicile_kernel::StoreError;
use domicile_payments::sandbox::{self, Action, SandboxGateway};

/// The page.
pub(super) struct Page(pub Arc<SandboxGateway>);

#[async_trait]
impl Checkout for Page {
    async fn page(&self, ticket: &str) -> Result<CheckoutPage, StoreError> {
        let page = self.0.show(ticket).await?;
        Ok(answer(page, CheckoutOutcome::Shown))
    }

    async fn act(&self, ticket: &str, action: &str) -> Result<CheckoutPage, StoreError> {
        match Action::parse(action) {
            Some(action) => Ok(answer(self.0.submit(ticket, action).await?, CheckoutOutcome::Shown)),
            None => Ok(answer(self.0.show(ticket).await?, CheckoutOutcome::NotAnAction)),
        }
    }
}

fn answer(page: sandbox::CheckoutPage, outcome: CheckoutOutcome) -> CheckoutPage {
    CheckoutPage {
        outcome: if page.found { outcome } else { CheckoutOutcome::Unknown },
        html: page.html,
        policy: sandbox::content_security_policy(),
    }
}
