//! Hostels, people and memberships to begin with, written through the ports like anything else.

use domicile_access::{
    AccessUows, Account, Email, Membership, MembershipStatus,
    ports::{AccountInsertion, MembershipInsertion},
};
use domicile_kernel::{AccountId, Currency, Feature, HostelId, Outcome, Purpose, Role, Scope, Text, Zone};
use domicile_tenancy::{Hostel, HostelKind, Settings, TenancyUows};

use super::TestStore;

impl TestStore {
    /// A hostel with settings and the default features.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn hostel(&self, name: &str) -> HostelId {
        let now = self.ambient.now();
        let hostel = Hostel::founded(self.ambient.id(), Text::clean(name), HostelKind::Hostel, now);
        let settings = Settings::initial(hostel.id(), Currency::GHS, Zone::UTC, now);
        let flags: Vec<_> = Feature::ALL.iter().map(|feature| (*feature, feature.default_on())).collect();
        let call = self.call(Scope::System(Purpose::Installation));
        let mut uow = TenancyUows::begin(&self.database, &call).await.expect("a unit of work can be opened");
        uow.hostels().insert(&hostel).await.expect("a hostel can be written");
        uow.settings().insert(&settings).await.expect("settings can be written");
        uow.flags().put(hostel.id(), &flags, None, now).await.expect("flags can be written");
        uow.commit(Outcome::done()).await.expect("the hostel can be committed");
        hostel.id()
    }

    /// A verified account with nothing but a name, changed as wanted before it is written.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn account(&self, change: impl FnOnce(&mut Account)) -> AccountId {
        let now = self.ambient.now();
        let id: AccountId = self.ambient.id();
        let email = Email::stored(format!("{}@example.com", id.uuid().simple()));
        let mut account = Account::new(id, email, Text::clean("Ama"), Text::clean("Mensah"), now).verified(now);
        change(&mut account);
        let call = self.call(Scope::System(Purpose::Enrolment));
        let mut uow = AccessUows::begin(&self.database, &call).await.expect("a unit of work can be opened");
        let inserted = uow.accounts().insert(&account).await.expect("an account can be written");
        assert_eq!(inserted, AccountInsertion::Inserted);
        uow.commit(Outcome::done()).await.expect("the account can be committed");
        id
    }

    /// An account with an active membership.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn member(&self, hostel: HostelId, role: Role) -> AccountId {
        let account = self.account(|_as_it_is| ()).await;
        self.enrol(hostel, account, role, |_as_it_is| ()).await;
        account
    }

    /// A membership of an account, active unless changed before it is written.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn enrol(&self, hostel: HostelId, account: AccountId, role: Role, change: impl FnOnce(&mut Membership)) {
        let call = self.call(Scope::System(Purpose::Enrolment));
        let mut uow = AccessUows::begin(&self.database, &call).await.expect("a unit of work can be opened");
        let person = uow.accounts().find(account).await.expect("accounts can be read").expect("the account is there");
        let now = self.ambient.now();
        let mut membership = Membership::new(hostel, account, role, MembershipStatus::Active, person.card(), now);
        change(&mut membership);
        let inserted = uow.memberships().insert(&membership).await.expect("a membership can be written");
        assert_eq!(inserted, MembershipInsertion::Inserted);
        uow.commit(Outcome::done()).await.expect("the membership can be committed");
    }
}
