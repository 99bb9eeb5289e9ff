//! What handlers work with: the framework's shell and the services of the contexts. The server builds one and hands it to
//! [`app`](crate::app) or [`serve`](crate::serve).

use std::sync::Arc;

use domicile_access::{Directory, OwnAccount, SignIn};
use domicile_billing::Bursar;
use domicile_booking::FrontDesk;
use domicile_tenancy::Tenancy;

use crate::{
    ports::{Checkout, Presence},
    shell::Shell,
};

/// Everything a handler may call. Cheap to clone: every part is shared.
#[derive(Clone)]
pub struct AppState {
    /// Configuration, ports and the runtime.
    pub shell: Shell,
    /// Hostels, settings, flags.
    pub tenancy: Tenancy,
    /// Registering, codes, signing in.
    pub sign_in: SignIn,
    /// A person's own account.
    pub own: OwnAccount,
    /// The people of a hostel, and its audit trail.
    pub directory: Directory,
    /// Rooms and bookings.
    pub desk: FrontDesk,
    /// Invoices, payments, wallets, deposits, the ledger.
    pub bursar: Bursar,
    /// The sandbox gateway's page; none in an installation without a sandbox.
    pub checkout: Option<Arc<dyn Checkout>>,
    /// Who is online.
    pub presence: Arc<dyn Presence>,
}
