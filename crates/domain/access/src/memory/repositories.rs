//! The repositories of the in-memory unit of work.

use async_trait::async_trait;
use domicile_kernel::{AccountId, HostelId, Instant, SessionId, StoreError};

use super::{MemoryUow, out_of_reach};
use crate::{
    crypto::PasswordHash,
    model::{
        Account, Challenge, ChallengeId, ChallengePurpose, Email, Membership, RevokeReason, Session, SocketTicket,
        Tries, Username,
    },
    ports::{
        AccountInsertion, AccountRepository, AccountUpdate, ChallengeRepository, HouseFacts, HouseRepository,
        MembershipInsertion, MembershipRepository, SessionRepository, SocketTicketRepository,
    },
};

/// Which value of an account belongs to another one.
enum Clash {
    Email,
    Username,
    Phone,
}

impl MemoryUow {
    fn clash(&self, account: &Account) -> Option<Clash> {
        let others = || self.state.accounts.values().filter(|other| other.id != account.id);
        let key = |account: &Account| account.username.as_ref().map(Username::key);
        if others().any(|other| other.email == account.email) {
            return Some(Clash::Email);
        }
        if account.username.is_some() && others().any(|other| key(other) == key(account)) {
            return Some(Clash::Username);
        }
        (account.phone.is_some() && others().any(|other| other.phone == account.phone)).then_some(Clash::Phone)
    }

    fn find_account(&self, is_it: impl Fn(&Account) -> bool) -> Option<Account> {
        self.state.accounts.values().find(|account| self.reach.account(account.id) && is_it(account)).cloned()
    }
}

#[async_trait]
impl AccountRepository for MemoryUow {
    async fn find(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.find_account(|account| account.id == id))
    }

    async fn find_for_update(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.find_account(|account| account.id == id))
    }

    async fn find_by_email(&mut self, email: &Email) -> Result<Option<Account>, StoreError> {
        Ok(self.find_account(|account| account.email == *email))
    }

    async fn find_by_username(&mut self, username: &Username) -> Result<Option<Account>, StoreError> {
        let key = username.key();
        Ok(self.find_account(|account| account.username.as_ref().is_some_and(|name| name.key() == key)))
    }

    async fn find_by_phone(&mut self, phone: &str) -> Result<Option<Account>, StoreError> {
        Ok(self.find_account(|account| account.phone.as_deref() == Some(phone)))
    }

    async fn insert(&mut self, account: &Account) -> Result<AccountInsertion, StoreError> {
        if !self.reach.account(account.id) {
            return Err(out_of_reach());
        }
        Ok(match self.clash(account) {
            Some(Clash::Email) => AccountInsertion::EmailTaken,
            Some(Clash::Username) => AccountInsertion::UsernameTaken,
            Some(Clash::Phone) => AccountInsertion::PhoneTaken,
            None => {
                self.state.accounts.insert(account.id, account.clone());
                AccountInsertion::Inserted
            }
        })
    }

    async fn update(&mut self, account: &Account, seen: i64) -> Result<AccountUpdate, StoreError> {
        let stored = self.find_account(|stored| stored.id == account.id && stored.version == seen);
        let Some(stored) = stored else { return Ok(AccountUpdate::Stale) };
        Ok(match self.clash(account) {
            Some(Clash::Email) => AccountUpdate::EmailTaken,
            Some(Clash::Username) => AccountUpdate::UsernameTaken,
            Some(Clash::Phone) => AccountUpdate::PhoneTaken,
            None => {
                let written = Account { password_hash: stored.password_hash, ..account.clone() };
                self.state.accounts.insert(account.id, written);
                AccountUpdate::Updated
            }
        })
    }

    async fn set_password(&mut self, id: AccountId, hash: Option<&PasswordHash>) -> Result<(), StoreError> {
        if let Some(account) = self.state.accounts.get_mut(&id).filter(|account| self.reach.account(account.id)) {
            account.password_hash = hash.cloned();
        }
        Ok(())
    }
}

#[async_trait]
impl MembershipRepository for MemoryUow {
    async fn find(&mut self, hostel: HostelId, account: AccountId) -> Result<Option<Membership>, StoreError> {
        let found = self.state.memberships.get(&(hostel, account));
        Ok(found.filter(|_| self.reach.membership(hostel, account)).cloned())
    }

    async fn find_for_update(
        &mut self,
        hostel: HostelId,
        account: AccountId,
    ) -> Result<Option<Membership>, StoreError> {
        MembershipRepository::find(self, hostel, account).await
    }

    async fn list_for_update(&mut self, account: AccountId) -> Result<Vec<Membership>, StoreError> {
        let of_account = self.state.memberships.values().filter(|one| one.account_id == account);
        Ok(of_account.filter(|one| self.reach.membership(one.hostel_id, account)).cloned().collect())
    }

    async fn insert(&mut self, membership: &Membership) -> Result<MembershipInsertion, StoreError> {
        let key = (membership.hostel_id, membership.account_id);
        if !self.reach.membership(key.0, key.1) {
            return Err(out_of_reach());
        }
        if !self.state.accounts.contains_key(&key.1) || !self.state.houses.contains_key(&key.0) {
            return Err(StoreError::Conflict("fk_memberships".to_owned()));
        }
        if self.state.memberships.contains_key(&key) {
            return Ok(MembershipInsertion::AlreadyMember);
        }
        self.state.memberships.insert(key, membership.clone());
        Ok(MembershipInsertion::Inserted)
    }

    async fn update(&mut self, membership: &Membership, seen: i64) -> Result<bool, StoreError> {
        let (hostel, account) = (membership.hostel_id, membership.account_id);
        let stored = self.state.memberships.get_mut(&(hostel, account));
        match stored.filter(|stored| stored.version == seen && self.reach.membership(hostel, account)) {
            Some(stored) => {
                *stored = membership.clone();
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

#[async_trait]
impl SessionRepository for MemoryUow {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        if !self.reach.account(session.account_id) {
            return Err(out_of_reach());
        }
        self.state.sessions.insert(session.id, session.clone());
        Ok(())
    }

    async fn find_for_update(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.state.sessions.get(&id).filter(|session| self.reach.account(session.account_id)).cloned())
    }

    async fn update(&mut self, session: &Session) -> Result<(), StoreError> {
        match self.state.sessions.get_mut(&session.id).filter(|one| self.reach.account(one.account_id)) {
            Some(stored) => {
                *stored = session.clone();
                Ok(())
            }
            None => Err(StoreError::Stale),
        }
    }

    async fn revoke_all(
        &mut self,
        account: AccountId,
        except: Option<SessionId>,
        at: Instant,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        if !self.reach.account(account) {
            return Ok(Vec::new());
        }
        let mut revoked = Vec::new();
        for session in self.state.sessions.values_mut() {
            if session.account_id == account && session.revoked_at.is_none() && Some(session.id) != except {
                *session = session.clone().revoked(at, reason);
                revoked.push(session.id);
            }
        }
        Ok(revoked)
    }

    async fn purge_before(&mut self, before: Instant) -> Result<u64, StoreError> {
        let count = self.state.sessions.len();
        let reach = self.reach;
        self.state.sessions.retain(|_, session| {
            let ended = session.revoked_at.map_or(session.expires_at(), |at| at.min(session.expires_at()));
            ended >= before || !reach.account(session.account_id)
        });
        Ok((count - self.state.sessions.len()) as u64)
    }
}

#[async_trait]
impl ChallengeRepository for MemoryUow {
    async fn replace(&mut self, challenge: &Challenge) -> Result<(), StoreError> {
        if !self.reach.account(challenge.account_id) {
            return Err(out_of_reach());
        }
        let key = (challenge.account_id, challenge.purpose, &challenge.asked_from);
        self.state.challenges.retain(|_, old| (old.account_id, old.purpose, &old.asked_from) != key);
        self.state.challenges.insert(challenge.id, challenge.clone());
        Ok(())
    }

    async fn list(&mut self, account: AccountId, purpose: ChallengePurpose) -> Result<Vec<Challenge>, StoreError> {
        let all = self.state.challenges.values().filter(|one| self.reach.account(one.account_id));
        let mut own: Vec<_> = all.filter(|one| one.account_id == account && one.purpose == purpose).cloned().collect();
        own.sort_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
        Ok(own)
    }

    async fn attempt(
        &mut self,
        id: ChallengeId,
        tries: Tries,
        most: i64,
        now: Instant,
    ) -> Result<Option<i64>, StoreError> {
        let found = self.state.challenges.get_mut(&id).filter(|one| self.reach.account(one.account_id));
        let Some(challenge) = found.filter(|one| one.attempts < most && one.is_open(now)) else { return Ok(None) };
        let count = match tries {
            Tries::Own => &mut challenge.attempts,
            Tries::Foreign => &mut challenge.foreign_attempts,
        };
        Ok((*count < most).then(|| {
            *count += 1;
            *count
        }))
    }

    async fn spend(&mut self, id: ChallengeId, now: Instant) -> Result<bool, StoreError> {
        let found = self.state.challenges.get_mut(&id).filter(|one| self.reach.account(one.account_id));
        let unused = found.filter(|challenge| challenge.used_at.is_none());
        Ok(unused.map(|challenge| challenge.used_at = Some(now)).is_some())
    }

    async fn remove_of(
        &mut self,
        account: AccountId,
        purpose: Option<ChallengePurpose>,
        except: Option<ChallengeId>,
    ) -> Result<u64, StoreError> {
        let count = self.state.challenges.len();
        if self.reach.account(account) {
            self.state.challenges.retain(|id, challenge| {
                challenge.account_id != account
                    || purpose.is_some_and(|purpose| purpose != challenge.purpose)
                    || except == Some(*id)
            });
        }
        Ok((count - self.state.challenges.len()) as u64)
    }

    async fn purge_before(&mut self, before: Instant) -> Result<u64, StoreError> {
        let count = self.state.challenges.len();
        let reach = self.reach;
        self.state
            .challenges
            .retain(|_, challenge| challenge.expires_at >= before || !reach.account(challenge.account_id));
        Ok((count - self.state.challenges.len()) as u64)
    }
}

#[async_trait]
impl SocketTicketRepository for MemoryUow {
    async fn insert(&mut self, ticket: &SocketTicket) -> Result<(), StoreError> {
        if !self.reach.account(ticket.account_id) {
            return Err(out_of_reach());
        }
        self.state.tickets.insert(ticket.hash.clone(), ticket.clone());
        Ok(())
    }

    async fn take(&mut self, hash: &str, now: Instant) -> Result<Option<SocketTicket>, StoreError> {
        let reach = self.reach;
        let found = self.state.tickets.get(hash);
        let is_good = found.is_some_and(|ticket| now < ticket.expires_at && reach.account(ticket.account_id));
        Ok(if is_good { self.state.tickets.remove(hash) } else { None })
    }

    async fn purge_before(&mut self, before: Instant) -> Result<u64, StoreError> {
        let count = self.state.tickets.len();
        let reach = self.reach;
        self.state.tickets.retain(|_, ticket| ticket.expires_at >= before || !reach.account(ticket.account_id));
        Ok((count - self.state.tickets.len()) as u64)
    }
}

#[async_trait]
impl HouseRepository for MemoryUow {
    async fn find(&mut self, hostel: HostelId) -> Result<Option<HouseFacts>, StoreError> {
        let found = self.state.houses.get(&hostel).filter(|_| self.reach.house(hostel));
        Ok(found.map(|(facts, _)| facts.clone()))
    }
}
