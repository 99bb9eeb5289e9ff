//! Receiving what a gateway tells (J30): the signature is judged, the body is kept as it came, and only then it is
//! acknowledged. What it means is found out later, by a job.

use domicile_kernel::{Call, HostelId, Instant, Outcome, Purpose, Scope, StoreError, Text, faults};

use super::finish::BillingJob;
use crate::{
    Bursar,
    model::{InboxEntryId, InboxState, NewInboxEntry, Unfit},
    ports::{PutAside, Received, WebhookKind},
    queries::Work,
};

/// A webhook as it came.
#[derive(Clone)]
pub struct Webhook {
    /// Whose address it came to.
    pub provider: String,
    /// What stood in the gateway's [signature header](Bursar::signature_header).
    pub signature: Option<String>,
    /// The headers worth keeping, as lines `name: value`.
    pub headers: String,
    /// The body, byte by byte.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// That it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// It is the first delivery.
    New(InboxEntryId),
    /// It came before.
    Again(InboxEntryId),
}

/// Why a webhook is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// There is no such gateway here.
    #[error("There is no such payment provider here")]
    UnknownProvider,
    /// The signature does not fit the body.
    #[error("The signature does not fit the body")]
    BadSignature,
    /// The store failed: the gateway has to deliver it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(ReceiveError: through Store;
    Self::UnknownProvider => NotFound,
    Self::BadSignature => Unauthorized);

const MOST_HEADERS: usize = 8 * 1024;

impl Bursar {
    /// The header that a gateway signs with, in lower case.
    #[must_use]
    pub fn signature_header(&self, provider: &str) -> Option<&'static str> {
        self.gateways.find(provider).map(|gateway| gateway.signature_header())
    }

    /// Keeps what a gateway tells, once, and wants it processed. Whoever calls is known by the signature and nothing else.
    /// What cannot be read, or concerns no payment of ours, is kept and put aside, and the [`Lookout`] told: delivering it
    /// again mends nothing until we read better. Then it is read again when it is delivered again.
    ///
    /// [`Lookout`]: crate::ports::Lookout
    pub async fn receive_webhook(&self, call: &Call, webhook: Webhook) -> Result<Acknowledged, ReceiveError> {
        let gateway = self.gateways.find(&webhook.provider).ok_or(ReceiveError::UnknownProvider)?;
        if !gateway.authenticate(webhook.signature.as_deref(), &webhook.body) {
            return Err(ReceiveError::BadSignature);
        }
        let now = self.ambient.now();
        let (dedupe_key, reference, unfit) = match gateway.read(&webhook.body) {
            Ok(event) => {
                let unfit = match &event.kind {
                    WebhookKind::Other(name) => Some((Unfit::Unconcerned, concerns_no_payment(name))),
                    WebhookKind::Charge(_) | WebhookKind::Refund { .. } | WebhookKind::Dispute { .. } => None,
                };
                (event.dedupe_key, event.reference, unfit)
            }
            Err(unreadable) => {
                (unreadable.dedupe_key, unreadable.reference, Some((Unfit::Unreadable, unreadable.what)))
            }
        };
        let system = Self::bare(&call.within(Scope::System(Purpose::Payments)));
        let mut uow = self.uows.begin(&system).await?;
        let whose = match &reference {
            Some(reference) => uow.inbox().whose(gateway.provider(), reference).await?,
            None => None,
        };
        let unfit =
            unfit.or_else(|| whose.is_none().then(|| (Unfit::Nobodys, "no payment has this reference".to_owned())));
        let mut entry = NewInboxEntry {
            id: self.ambient.id(),
            hostel_id: whose.map(|(hostel, _)| hostel),
            provider: gateway.provider().to_owned(),
            dedupe_key,
            reference,
            headers: within(webhook.headers, MOST_HEADERS),
            body: webhook.body,
            state: unfit.as_ref().map_or(InboxState::Waiting, |(_, why)| put_aside(why, now)),
            received_at: now,
        };
        let mut received = uow.inbox().receive(&entry).await?;
        if let (Received::Again { hostel_id: None, aside: true, .. }, Some(hostel_id), None) =
            (received, entry.hostel_id, &unfit)
        {
            // What was put aside as nobody's is sealed as nobody's. It is kept once more, for the hostel.
            entry.dedupe_key = format!("{}:{hostel_id}", entry.dedupe_key);
            received = uow.inbox().receive(&entry).await?;
        }
        let (kept, wanted, answer) = match received {
            Received::New => {
                let hostel_id = entry.hostel_id.filter(|_| unfit.is_none());
                (entry.id, hostel_id, Acknowledged::New(entry.id))
            }
            // Delivered again because nothing came of it: it is wanted again too.
            Received::Again { id, hostel_id, waiting, .. } => {
                (id, hostel_id.filter(|_| waiting), Acknowledged::Again(id))
            }
        };
        if let Some(hostel_id) = wanted {
            uow.enqueue(BillingJob { hostel_id, work: Work::Inbox(kept) }.at(self.ambient.id(), now));
        }
        uow.commit(Outcome::done()).await?;
        match (received, &unfit) {
            (Received::New, Some((unfit, why))) => self.tell_lookout(&entry, *unfit, why),
            (Received::Again { id, hostel_id: Some(hostel_id), aside: true, .. }, None) => {
                self.read_again(&system, hostel_id, id).await?;
            }
            _ => {}
        }
        Ok(answer)
    }

    /// What was put aside and is delivered again can be read now: it waits again. Where it did not fit what was asked for,
    /// it will not fit again, and the quarantine knows it. The job is the installation's, as the first one was. What fails
    /// halfway is not acknowledged, and comes again.
    async fn read_again(&self, system: &Call, hostel_id: HostelId, id: InboxEntryId) -> Result<(), StoreError> {
        let mut uow = self.uows.begin(&system.within(Scope::Hostel(hostel_id))).await?;
        if !uow.inbox().lock(id).await?.is_some_and(|entry| entry.is_aside()) {
            return uow.rollback().await;
        }
        uow.inbox().mark(id, &InboxState::Waiting).await?;
        uow.commit(Outcome::done()).await?;
        let mut uow = self.uows.begin(system).await?;
        uow.enqueue(BillingJob { hostel_id, work: Work::Inbox(id) }.at(self.ambient.id(), self.ambient.now()));
        uow.commit(Outcome::done()).await
    }

    /// Says that an entry was put aside.
    pub(super) fn tell_lookout(&self, entry: &NewInboxEntry, unfit: Unfit, why: &str) {
        self.lookout.put_aside(&PutAside {
            id: entry.id,
            hostel_id: entry.hostel_id,
            provider: &entry.provider,
            reference: entry.reference.as_deref(),
            unfit,
            why,
        });
    }
}

pub(super) fn concerns_no_payment(name: &str) -> String {
    format!("{name} concerns no payment")
}

pub(crate) fn put_aside(why: &str, at: Instant) -> InboxState {
    let why: String = why.chars().take(200).collect();
    InboxState::PutAside { at, why: Text::clean(&why) }
}

fn within(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
