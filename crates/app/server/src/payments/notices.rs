//! Posting what the sandbox tells to the webhook route, over HTTP as a real gateway does.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use async_trait::async_trait;
use domicile_kernel::StoreError;
use domicile_payments::sandbox::{Notice, SIGNATURE_HEADER, SandboxGateway};
use domicile_workflows::{Notices, Told};
use reqwest::{Client, header::CONTENT_TYPE, redirect::Policy};

use super::Here;

/// How long one notice may take to be acknowledged.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells what the sandbox has to tell.
pub(super) struct Telling {
    sandbox: Arc<SandboxGateway>,
    client: Client,
    base: Option<String>,
    here: Here,
}

/// Why a notice was not acknowledged.
enum Unheard {
    /// Nobody answered: it is the same for the others.
    Nobody(String),
    /// It was refused.
    Refused(String),
}

impl Telling {
    pub(super) fn new(sandbox: Arc<SandboxGateway>, base: Option<String>, here: Here) -> anyhow::Result<Self> {
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(Policy::none())
            // It is this server itself that is told.
            .no_proxy()
            .user_agent("domicile-sandbox")
            .build()
            .context("the client for the sandbox's notices")?;
        Ok(Self { sandbox, client, base, here })
    }

    async fn post(&self, notice: &Notice) -> Result<(), Unheard> {
        let base = self.base.clone().unwrap_or_else(|| self.here.url());
        let sent = self
            .client
            .post(format!("{base}/api/payments/webhook/sandbox"))
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, &notice.signature)
            .body(notice.body.clone())
            .send()
            .await;
        match sent {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(Unheard::Refused(format!("the webhook route answered {}", answer.status()))),
            Err(error) => Err(Unheard::Nobody(format!("the webhook route does not answer: {error}"))),
        }
    }
}

#[async_trait]
impl Notices for Telling {
    async fn tell(&self, most: u32) -> Result<Told, StoreError> {
        let notices = self.sandbox.pending_notices(most).await?;
        // A row has at least one telling.
        let mut told = Told { more: notices.len() >= most as usize, failed: None };
        for notice in &notices {
            match self.post(notice).await {
                Ok(()) => {
                    self.sandbox.delivered(&notice.id).await?;
                    tracing::debug!(reference = %notice.id.reference, number = notice.id.number, "the sandbox has told");
                }
                Err(Unheard::Refused(why)) => told.failed = Some(why),
                Err(Unheard::Nobody(why)) => {
                    told.failed = Some(why);
                    break;
                }
            }
        }
        Ok(told)
    }
}
