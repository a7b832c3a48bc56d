//! Elapsed time that never runs backwards, whatever it is told.

use super::types::Millis;

/// Backward steps of what it is told are taken out; forward steps count.
#[derive(Debug, Default)]
pub struct Clock {
    now: Millis,
    /// What the backward steps add up to.
    behind: Millis,
    /// The latest time given to an arrival.
    arrived: Millis,
}
impl Clock {
    /// Takes a reading; returns the time.
    pub fn tick(&mut self, reading: Millis) -> Millis {
        let shown = reading.saturating_add(self.behind);
        if shown < self.now {
            self.behind = self.behind.saturating_add(self.now - shown);
        }
        self.now = self.now.max(shown);
        self.now
    }
    /// The time of the last reading.
    pub fn now(&self) -> Millis {
        self.now
    }
    /// When an arrival came: not before the one before it, and not in the future.
    pub fn arrival(&mut self, at: Millis) -> Millis {
        self.arrived = at.saturating_add(self.behind).clamp(self.arrived.min(self.now), self.now);
        self.arrived
    }
    /// When something of the past came, which says nothing about those that follow.
    pub fn past(&self, at: Millis) -> Millis {
        at.saturating_add(self.behind).min(self.now)
    }
    /// A moment that lies ahead.
    pub fn future(&self, at: Millis) -> Millis {
        at.saturating_add(self.behind)
    }
    /// A time in terms of readings.
    pub fn shown(&self, time: Millis) -> Millis {
        time.saturating_sub(self.behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_stands_still_and_waits_go_on_from_there() {
        let mut clock = Clock::default();
        assert_eq!(clock.tick(1000), 1000);
        assert_eq!(clock.tick(400), 1000);
        assert_eq!(clock.tick(450), 1050);
        assert_eq!(clock.shown(1100), 500);
    }

    #[test]
    fn arrivals_are_in_order_and_never_in_the_future() {
        let mut clock = Clock::default();
        clock.tick(100);
        assert_eq!(clock.arrival(90), 90);
        assert_eq!(clock.arrival(50), 90);
        assert_eq!(clock.arrival(500), 100);
        assert_eq!(clock.past(5), 5);
        clock.tick(0);
        assert_eq!(clock.arrival(0), 100);
    }
}
