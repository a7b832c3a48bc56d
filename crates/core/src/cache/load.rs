//! Waiting for another's load: when to look again, and when to stop waiting.

/// How long a lease is held before it must be renewed, in milliseconds.
pub const LEASE_MS: u64 = 10_000;
/// How often it is renewed.
pub const RENEW_MS: u64 = LEASE_MS / 3;
const FIRST_LOOK_MS: u64 = 5;
const LONGEST_LOOK_MS: u64 = 50;

/// What a caller of a load does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Run the loader: the lease is ours.
    Run,
    /// Give the lease back if we got it, and read again: another's load has ended.
    ReadAgain,
    /// Look again in so many milliseconds.
    Look(u64),
    /// Run the loader without a lease: waited long enough.
    RunAlone,
}

/// What was seen when the lease was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is ours.
    Granted,
    /// It is another's.
    Busy,
    /// The key has changed since the caller's read: the other's value is there.
    Changed,
    /// The lease table is away: no reason to wait.
    Away,
}

/// The wait of one caller.
#[derive(Debug, Clone)]
pub struct Waiting {
    wait_ms: u64,
    look_ms: u64,
    was_busy: bool,
}
impl Waiting {
    /// A caller who waits at most that long.
    pub fn new(wait_ms: u64) -> Self {
        Self { wait_ms, look_ms: FIRST_LOOK_MS, was_busy: false }
    }
    /// What to do, so many milliseconds after the first look.
    pub fn on(&mut self, seen: Seen, elapsed_ms: u64) -> Next {
        match seen {
            // whoever had it has ended meanwhile, most likely with a value
            Seen::Granted if self.was_busy => Next::ReadAgain,
            Seen::Granted | Seen::Away => Next::Run,
            Seen::Changed => Next::ReadAgain,
            Seen::Busy if elapsed_ms >= self.wait_ms => Next::RunAlone,
            Seen::Busy => {
                self.was_busy = true;
                let look_ms = self.look_ms.min(self.wait_ms - elapsed_ms);
                self.look_ms = (self.look_ms * 2).min(LONGEST_LOOK_MS);
                Next::Look(look_ms)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_spaced_and_end_with_the_wait() {
        let mut waiting = Waiting::new(100);
        let mut elapsed = 0;
        let mut looks = Vec::new();
        while let Next::Look(ms) = waiting.on(Seen::Busy, elapsed) {
            looks.push(ms);
            elapsed += ms;
        }
        assert_eq!(looks, [5, 10, 20, 40, 25]);
        assert_eq!(waiting.on(Seen::Busy, elapsed), Next::RunAlone);
    }
    #[test]
    fn a_lease_that_had_to_be_waited_for_means_a_value_to_read() {
        assert_eq!(Waiting::new(100).on(Seen::Granted, 0), Next::Run);
        let mut waiting = Waiting::new(100);
        waiting.on(Seen::Busy, 0);
        assert_eq!(waiting.on(Seen::Granted, 5), Next::ReadAgain);
        assert_eq!(waiting.on(Seen::Changed, 5), Next::ReadAgain);
        assert_eq!(Waiting::new(0).on(Seen::Busy, 0), Next::RunAlone);
    }
}
