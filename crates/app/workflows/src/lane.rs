//! Lanes: which jobs wait for each other. A payment gateway that hangs holds up payments and nothing else; holds end and
//! mails go out meanwhile.

use domicile_billing::BillingJob;

/// The sweep that looks for payments nobody looks after any more.
pub(crate) const SWEEP_PAYMENTS: &str = "sweep.payments";
/// Telling what the sandbox gateway has to tell.
pub const SANDBOX_NOTICE: &str = "sandbox.notice";

/// A lane. Every kind of job belongs to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Mails, holds and sweeps: one after the other.
    House,
    /// Whatever asks a payment gateway, which may take its time over each.
    Payments,
    /// What the sandbox gateway tells: one after the other, in its order.
    Notices,
}

/// Which kinds of jobs are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kinds {
    /// These.
    Only(Vec<&'static str>),
    /// Any but these.
    AllBut(Vec<&'static str>),
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 3] = [Self::House, Self::Payments, Self::Notices];

    /// The kinds of its jobs; the first lane takes all that are nobody else's.
    const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::House => &[],
            Self::Payments => {
                &[BillingJob::VERIFY, BillingJob::INBOX, BillingJob::REFUND, BillingJob::SUSPENSE, SWEEP_PAYMENTS]
            }
            Self::Notices => &[SANDBOX_NOTICE],
        }
    }

    /// The lane of a kind of job.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        Self::ALL.into_iter().find(|lane| lane.kinds().contains(&kind)).unwrap_or(Self::House)
    }

    /// How many of its jobs may be done at once. A call to a gateway is over after twenty seconds at the latest.
    #[must_use]
    pub const fn at_once(self) -> usize {
        match self {
            Self::House | Self::Notices => 1,
            Self::Payments => 8,
        }
    }
}

impl Kinds {
    /// The kinds of these lanes.
    #[must_use]
    pub fn of(lanes: &[Lane]) -> Self {
        let kinds = |wanted: bool| {
            let those = Lane::ALL.into_iter().filter(|lane| lanes.contains(lane) == wanted);
            those.flat_map(|lane| lane.kinds().iter().copied()).collect()
        };
        if lanes.contains(&Lane::House) { Self::AllBut(kinds(false)) } else { Self::Only(kinds(true)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_lane_and_what_nobody_else_knows_is_the_houses() {
        for lane in [Lane::Payments, Lane::Notices] {
            assert!(lane.kinds().iter().all(|kind| Lane::of(kind) == lane));
        }
        for kind in ["mail.send", "booking.end_hold", "sweep.access", "something.new"] {
            assert_eq!(Lane::of(kind), Lane::House);
        }
    }

    #[test]
    fn the_kinds_of_closed_lanes_are_left_where_they_are() {
        assert_eq!(Kinds::of(&Lane::ALL), Kinds::AllBut(Vec::new()));
        assert_eq!(Kinds::of(&[]), Kinds::Only(Vec::new()));
        assert_eq!(Kinds::of(&[Lane::Notices]), Kinds::Only(vec!["sandbox.notice"]));
        assert_eq!(Kinds::of(&[Lane::House, Lane::Payments]), Kinds::AllBut(vec!["sandbox.notice"]));
        let Kinds::AllBut(closed) = Kinds::of(&[Lane::House]) else { panic!("the house takes what is nobody else's") };
        assert!(closed.contains(&"payment.verify") && closed.contains(&"sweep.payments"));
    }
}
