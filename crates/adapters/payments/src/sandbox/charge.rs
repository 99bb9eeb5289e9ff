//! A charge at the sandbox and what the buttons of its page do to it: pure decisions, no store and no clock.

use domicile_kernel::{Instant, Money};

/// How a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SandboxState {
    /// Nobody has pressed anything yet.
    Open,
    /// The payer let it hang: nothing is decided and nobody is told. Paying is still possible.
    Hanging,
    /// Paid. For good.
    Paid,
    /// Declined. For good.
    Declined,
}

impl SandboxState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Hanging, Self::Paid, Self::Declined];

    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Hanging => "hanging",
            Self::Paid => "paid",
            Self::Declined => "declined",
        }
    }

    /// Reads what [`Self::as_str`] gave.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A charge: a row of `sandbox_charges`, found by its reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxCharge {
    /// Whoever asked for the money made it; there is one charge to a reference, ever.
    pub reference: String,
    /// What the page says it is for, such as an invoice and the hostel's name. Plain text.
    pub description: String,
    /// What is asked for.
    pub amount: Money,
    /// How much of it was given back, or is on its way.
    pub refunded: Money,
    /// How it stands.
    pub state: SandboxState,
    /// Where the page leads back to.
    pub return_url: Option<String>,
    /// When it was asked for.
    pub created_at: Instant,
    /// Until when it can be paid.
    pub expires_at: Instant,
    /// When it was paid or declined.
    pub decided_at: Option<Instant>,
    /// How many times the outcome is to be told.
    pub notices_due: u32,
    /// How many times it was told. Only [`SandboxStore::delivered`](super::SandboxStore::delivered) raises it.
    pub notices_sent: u32,
    /// Grows by one with each change of the rest.
    pub version: i64,
}

/// A button of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Pay.
    Pay,
    /// Be declined.
    Decline,
    /// Leave it undecided.
    Hang,
    /// Pay the same charge from two tabs.
    PayTwice,
}

impl Action {
    /// Every button, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Pay, Self::Decline, Self::Hang, Self::PayTwice];

    /// As the form sends it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Decline => "decline",
            Self::Hang => "hang",
            Self::PayTwice => "pay_twice",
        }
    }

    /// Reads what [`Self::as_str`] gave.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }

    /// Reads the body of the form, `application/x-www-form-urlencoded`. The words need no decoding, so a body that does
    /// not say one of them plainly, or says two, says none.
    pub fn from_form(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut said = text.split('&').filter_map(|pair| pair.strip_prefix("action="));
        match (said.next(), said.next()) {
            (Some(word), None) => Self::parse(word),
            _ => None,
        }
    }
}

/// What pressing a button came to, in the words of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pressed {
    /// It was paid.
    Paid,
    /// It was paid once; the second tab's attempt was refused.
    PaidTwice,
    /// It was declined.
    Declined,
    /// It hangs.
    Hangs,
    /// It was paid before, so nothing was done.
    AlreadyPaid,
    /// It was declined before, so nothing was done.
    AlreadyDeclined,
    /// Its time is over, so nothing was done.
    Expired,
}

impl Pressed {
    /// What the page says.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Paid => "The payment succeeded.",
            Self::PaidTwice => {
                "The payment succeeded in the first tab. In the second it was refused: this reference is already paid. \
                 The success is reported twice."
            }
            Self::Declined => "The payment was declined. Nothing was charged.",
            Self::Hangs => "The payment hangs: nothing is decided and nobody is told. You can still pay or decline.",
            Self::AlreadyPaid => "This reference is already paid. Nothing was charged again.",
            Self::AlreadyDeclined => "This payment was declined before. Nothing was charged.",
            Self::Expired => "The time for this payment is over. Nothing was charged.",
        }
    }

    /// Whether this call of the button, and no other, took the money.
    pub const fn took_money(self) -> bool {
        matches!(self, Self::Paid | Self::PaidTwice)
    }
}

/// What a button does: the charge to write, if there is one, and what to say.
pub(super) fn press(charge: &SandboxCharge, action: Action, at: Instant) -> (Option<SandboxCharge>, Pressed) {
    match (charge.state, action) {
        (SandboxState::Paid, _) => return (None, Pressed::AlreadyPaid),
        (SandboxState::Declined, _) => return (None, Pressed::AlreadyDeclined),
        (SandboxState::Open | SandboxState::Hanging, _) if charge.has_expired(at) => return (None, Pressed::Expired),
        (SandboxState::Hanging, Action::Hang) => return (None, Pressed::Hangs),
        (SandboxState::Open | SandboxState::Hanging, _) => {}
    }
    let (state, notices, pressed) = match action {
        Action::Pay => (SandboxState::Paid, 1, Pressed::Paid),
        // One success, told twice: both tabs' gateways report the same charge.
        Action::PayTwice => (SandboxState::Paid, 2, Pressed::PaidTwice),
        Action::Decline => (SandboxState::Declined, 1, Pressed::Declined),
        Action::Hang => (SandboxState::Hanging, 0, Pressed::Hangs),
    };
    let next = SandboxCharge {
        state,
        decided_at: (notices > 0).then_some(at),
        notices_due: charge.notices_due.saturating_add(notices),
        version: charge.version.saturating_add(1),
        ..charge.clone()
    };
    (Some(next), pressed)
}

impl SandboxCharge {
    /// Whether it can be paid no more because nobody did in time.
    pub fn has_expired(&self, at: Instant) -> bool {
        matches!(self.state, SandboxState::Open | SandboxState::Hanging) && at >= self.expires_at
    }

    /// What the gateway keeps of it: nothing is free at a real one either. 1.5 %, rounded half up.
    pub fn fees(&self) -> Money {
        self.amount.fraction(15, 1_000).unwrap_or(Money::zero(self.amount.currency()))
    }
}
