//! How many sockets of an address have not said who they are.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domicile_kernel::address::household;

/// Sockets that are not let in yet, by address.
#[derive(Default)]
pub(crate) struct Strangers(Mutex<HashMap<IpAddr, u32>>);

impl Strangers {
    fn all(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn of(&self, ip: IpAddr) -> u32 {
        self.all().get(&household(ip)).copied().unwrap_or(0)
    }

    pub(crate) fn come(&self, ip: IpAddr) {
        *self.all().entry(household(ip)).or_insert(0) += 1;
    }

    pub(crate) fn leave(&self, ip: IpAddr) {
        let (mut all, key) = (self.all(), household(ip));
        if let Some(count) = all.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                all.remove(&key);
            }
        }
    }
}
