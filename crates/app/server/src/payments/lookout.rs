//! What needs a person to look, for those who read the log and the figures.

use domicile_billing::{
    model::Unfit,
    ports::{Lookout, PutAside},
};
use domicile_telemetry::Meters;

/// Into the log and the counters.
pub(super) struct Signals(pub(super) Meters);

impl Lookout for Signals {
    fn put_aside(&self, aside: &PutAside<'_>) {
        let PutAside { id, hostel_id, provider, reference, unfit, why } = *aside;
        self.0.webhook_put_aside(unfit.as_str());
        let hostel = hostel_id.map(tracing::field::display);
        match unfit {
            Unfit::Unreadable => {
                tracing::warn!(%id, hostel, provider, reference, why, "what a payment gateway told cannot be read");
            }
            Unfit::Nobodys | Unfit::Unconfirmed => {
                tracing::warn!(%id, hostel, provider, reference, why, "what a payment gateway told has no effect");
            }
            // Gateways tell of much that is no business of ours.
            Unfit::Unconcerned => tracing::debug!(%id, provider, why, "what a payment gateway told has no effect"),
        }
    }
}
