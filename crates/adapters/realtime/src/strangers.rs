//! How many sockets of an address have not said who they are.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Sockets that are not let in yet, by address.
#[derive(Default)]
pub(crate) struct Strangers(Mutex<HashMap<IpAddr, u32>>);

impl Strangers {
    fn all(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn of(&self, ip: IpAddr) -> u32 {
        self.all().get(&neighbourhood(ip)).copied().unwrap_or(0)
    }

    pub(crate) fn come(&self, ip: IpAddr) {
        *self.all().entry(neighbourhood(ip)).or_insert(0) += 1;
    }

    pub(crate) fn leave(&self, ip: IpAddr) {
        let (mut all, key) = (self.all(), neighbourhood(ip));
        if let Some(count) = all.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                all.remove(&key);
            }
        }
    }
}

/// One household has a /64 of IPv6 for itself.
fn neighbourhood(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(_) => ip.to_canonical(),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}
