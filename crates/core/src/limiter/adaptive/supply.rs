//! Where the permits of a window come from.

use super::super::Millis;

/// The source of a window's permits, besides its own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Supply {
    /// Only its own limit rules.
    #[default]
    Own,
    /// So many that Redis has granted, until then.
    Leased {
        /// Not spent yet.
        left: u64,
        /// The last millisecond of the grant.
        until: Millis,
        /// So many more on credit, each to be told of at once.
        credit: u64,
    },
    /// So many on credit, each to be told of at once: none without a crossing.
    Credit(u64),
    /// Redis is away: this limit instead of its own.
    Degraded(u64),
    /// Redis is away: everybody may go.
    Open,
    /// Redis is away: nobody may.
    Shut,
}
impl Supply {
    /// The limit that the window is held to.
    pub(super) fn limit(&self, own: u64) -> u64 {
        match *self {
            Supply::Degraded(limit) => limit.min(own),
            Supply::Open => u64::MAX,
            _ => own,
        }
    }
    /// How many may be taken now, whatever the window says.
    pub(super) fn left(&self, now: Millis) -> u64 {
        match *self {
            Supply::Leased { left, until, credit } if now <= until => left.saturating_add(credit),
            Supply::Leased { credit, .. } => credit,
            Supply::Credit(left) => left,
            Supply::Shut => 0,
            _ => u64::MAX,
        }
    }
    /// How many of these may be taken without a crossing.
    pub(super) fn lent(&self, now: Millis) -> u64 {
        match *self {
            Supply::Leased { left, until, .. } if now <= until => left,
            Supply::Leased { .. } | Supply::Credit(_) => 0,
            _ => self.left(now),
        }
    }
    /// The end of what it gives; None: it has none.
    pub(super) fn until(&self) -> Option<Millis> {
        match *self {
            Supply::Leased { until, .. } => Some(until),
            _ => None,
        }
    }
    pub(super) fn spend(&mut self, weight: u64) {
        match self {
            Supply::Leased { left, credit, .. } => {
                *credit = credit.saturating_sub(weight.saturating_sub(*left));
                *left = left.saturating_sub(weight);
            }
            Supply::Credit(left) => *left = left.saturating_sub(weight),
            _ => {}
        }
    }
}
