//! A circuit breaker: after so many failed calls in a row a tier is left alone but for a probe now and then. `now` is
//! any clock that never goes back.

use super::Millis;

/// Where the breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// Calls pass.
    Closed,
    /// Calls fail at once until a probe is due.
    Open,
    /// A probe is out; calls fail at once until it has ended.
    HalfOpen,
}

/// The breaker of one server.
#[derive(Debug, Clone)]
pub struct Breaker {
    /// Failed calls in a row that open it; 0: only a lost connection does.
    limit: u32,
    probe_ms: Millis,
    failures: u32,
    stand: Stand,
    probe_at: Millis,
}
impl Breaker {
    /// A breaker that is open, since nothing has answered yet; its first probe is due at once.
    pub fn new(limit: u32, probe_ms: Millis) -> Self {
        Self { limit, probe_ms, failures: 0, stand: Stand::Open, probe_at: 0 }
    }
    /// Where it stands.
    pub fn stand(&self) -> Stand {
        self.stand
    }
    /// Whether calls pass.
    pub fn passes(&self) -> bool {
        self.stand == Stand::Closed
    }
    /// A call was answered.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
    /// A call failed; true: that opened it. The server had its chances: the first probe waits its time.
    pub fn failed(&mut self, now: Millis) -> bool {
        if self.stand != Stand::Closed {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        if self.limit == 0 || self.failures < self.limit {
            return false;
        }
        self.open(now, self.probe_ms)
    }
    /// The connection is gone: the first probe, a new one, is due at once. True: that opened it.
    pub fn lost(&mut self, now: Millis) -> bool {
        self.stand == Stand::Closed && self.open(now, 0)
    }
    fn open(&mut self, now: Millis, wait_ms: Millis) -> bool {
        let opened = self.stand == Stand::Closed;
        self.stand = Stand::Open;
        self.failures = 0;
        self.probe_at = now.saturating_add(wait_ms);
        opened
    }
    /// Milliseconds until a probe is due; None while closed or while one is out.
    pub fn probe_in(&self, now: Millis) -> Option<Millis> {
        (self.stand == Stand::Open).then(|| self.probe_at.saturating_sub(now))
    }
    /// A probe goes out; false: none may.
    pub fn probe(&mut self, now: Millis) -> bool {
        let due = self.stand == Stand::Open && now >= self.probe_at;
        if due {
            self.stand = Stand::HalfOpen;
        }
        due
    }
    /// How the probe ended; true: that closed the breaker.
    pub fn probed(&mut self, now: Millis, answered: bool) -> bool {
        if self.stand != Stand::HalfOpen {
            return false;
        }
        if answered {
            self.stand = Stand::Closed;
            self.failures = 0;
        } else {
            self.open(now, self.probe_ms);
        }
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn opens_after_failures_in_a_row_and_closes_by_a_probe() {
        let mut breaker = Breaker::new(3, 1000);
        assert!(!breaker.passes());
        assert!(breaker.probe(0) && breaker.probed(0, true) && breaker.passes());
        assert!(!breaker.failed(1) && !breaker.failed(2));
        breaker.succeeded();
        assert!(!breaker.failed(3) && !breaker.failed(4));
        assert!(breaker.failed(5));
        assert!(!breaker.failed(6), "told once");
        assert!(!breaker.lost(6), "its connection goes with it");
        assert_eq!(breaker.probe_in(6), Some(999));
        assert!(!breaker.probe(1004) && breaker.probe(1005) && !breaker.probe(1005));
        assert!(!breaker.probed(1010, false));
        assert_eq!(breaker.probe_in(1500), Some(510));
        assert!(!breaker.probe(2009));
        assert!(breaker.probe(2010) && breaker.probed(2011, true));
        assert!(breaker.lost(2012));
        assert_eq!(breaker.probe_in(2012), Some(0), "a lost connection is tried again at once");
    }

    #[test]
    fn without_a_limit_only_a_lost_connection_opens() {
        let mut breaker = Breaker::new(0, 1000);
        assert!(breaker.probe(0) && breaker.probed(0, true));
        assert!((0..1000).all(|now| !breaker.failed(now)));
        assert!(breaker.lost(1000) && !breaker.lost(1000));
        assert_eq!(breaker.stand(), Stand::Open);
    }

    proptest! {
        /// Opened and closed alternate, and probes that fail are `probe_ms` apart.
        #[test]
        fn tells_each_change_once(steps in proptest::collection::vec((0u8..5, 0u64..400), 1..200)) {
            let mut breaker = Breaker::new(5, 1000);
            let (mut now, mut up, mut in_a_row) = (0u64, false, 0);
            let mut failed_probe: Option<u64> = None;
            for (step, pause) in steps {
                now += pause;
                match step {
                    0 => {
                        breaker.succeeded();
                        in_a_row = 0;
                    }
                    1 => {
                        in_a_row += 1;
                        let opened = breaker.failed(now);
                        prop_assert_eq!(opened, up && in_a_row == 5);
                        if opened {
                            (up, failed_probe) = (false, Some(now));
                        }
                        in_a_row = if up { in_a_row } else { 0 };
                    }
                    2 => {
                        prop_assert_eq!(breaker.lost(now), up);
                        if up {
                            (up, failed_probe, in_a_row) = (false, None, 0);
                        }
                    }
                    _ => {
                        if breaker.probe(now) {
                            prop_assert!(!up);
                            if let Some(at) = failed_probe {
                                prop_assert!(now >= at + 1000);
                            }
                            let answers = step == 3;
                            prop_assert_eq!(breaker.probed(now, answers), answers);
                            up = answers;
                            failed_probe = (!answers).then_some(now);
                        }
                    }
                }
                prop_assert_eq!(breaker.passes(), up);
            }
        }
    }
}
