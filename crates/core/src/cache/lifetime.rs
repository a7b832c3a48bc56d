//! How long a value lives, drawn once for all tiers.

use super::{Millis, NEVER, Record};

/// The longest time that a tier keeps anything; `NEVER` for no cap, None for a tier that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Of Redis.
    pub redis: Option<Millis>,
    /// Of the disk.
    pub disk: Option<Millis>,
}
impl Caps {
    /// What a value without a lifetime of its own gets: the longest cap; no end where memory is alone.
    fn longest(&self) -> Millis {
        self.redis.max(self.disk).unwrap_or(NEVER)
    }
}

/// What the caller asked for, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Asked {
    /// Infinite for no end of its own.
    pub ttl: Option<f64>,
    /// Cap in memory.
    pub l1_ttl: Option<f64>,
    /// Cap on disk.
    pub l3_ttl: Option<f64>,
    /// How long it may be served stale.
    pub stale_for: f64,
    /// A number from 0 to 1 that was drawn for this write; None: no jitter.
    pub draw: Option<f64>,
}

/// Lifetimes in each tier, from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// In all tiers without a cap.
    pub whole: Millis,
    /// In memory.
    pub memory: Millis,
    /// In Redis.
    pub redis: Millis,
    /// On disk.
    pub disk: Millis,
    /// How much longer it may be served stale.
    pub stale: Millis,
}

/// Seconds as milliseconds, at least one.
pub fn millis(seconds: f64) -> Millis {
    let millis = (seconds * 1000.0).round();
    if millis >= 9.0e15 { NEVER } else { (millis as Millis).max(1) }
}

impl Lifetime {
    /// Draws the lifetime of a write. `jitter` is the share by which it moves, either way.
    pub fn draw(asked: &Asked, caps: &Caps, jitter: f64) -> Self {
        let moved = asked.draw.map_or(1.0, |draw| 1.0 + jitter * (2.0 * draw - 1.0));
        let whole = match asked.ttl {
            Some(seconds) => millis(seconds * moved),
            None if caps.longest() == NEVER => NEVER,
            None => ((caps.longest() as f64 * moved).round() as Millis).max(1),
        };
        let own = |seconds: Option<f64>| seconds.map_or(NEVER, millis);
        Self {
            whole,
            memory: whole.min(own(asked.l1_ttl)),
            redis: whole.min(caps.redis.unwrap_or(NEVER)),
            disk: whole.min(caps.disk.unwrap_or(NEVER)).min(own(asked.l3_ttl)),
            stale: if asked.stale_for > 0.0 { millis(asked.stale_for) } else { 0 },
        }
    }
    /// The deadline and the end of the stale window in a tier where it lives that long. Behind a cap nothing is
    /// stale: the next tier is asked.
    pub fn until(&self, lifetime: Millis, now: Millis) -> (Millis, Millis) {
        let deadline = now.saturating_add(lifetime);
        (deadline, if lifetime < self.whole { deadline } else { deadline.saturating_add(self.stale) })
    }
}

/// A record for a tier with that cap, which what is left never grows by.
pub fn capped(mut record: Record, cap: Millis, now: Millis) -> Record {
    let end = now.saturating_add(cap);
    if end < record.deadline {
        record.deadline = end;
        record.stale_until = end;
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Tag;
    use proptest::prelude::*;

    const NONE: Caps = Caps { redis: None, disk: None };
    fn asked(ttl: f64) -> Asked {
        Asked { ttl: Some(ttl), ..Asked::default() }
    }

    #[test]
    fn seconds_are_kept_to_the_millisecond_and_never_vanish() {
        let of = |ttl| Lifetime::draw(&asked(ttl), &NONE, 0.5).whole;
        assert_eq!(
            [of(1.0), of(0.0004), of(1.2344), of(1.2346), of(f64::INFINITY)],
            [1000, 1, 1234, 1235, NEVER]
        );
    }

    #[test]
    fn without_a_ttl_the_longest_cap_applies_and_memory_alone_has_none() {
        let caps = Caps { redis: Some(3_600_000), disk: Some(86_400_000) };
        let both = Lifetime::draw(&Asked::default(), &caps, 0.0);
        assert_eq!((both.whole, both.redis, both.disk), (86_400_000, 3_600_000, 86_400_000));
        assert_eq!(Lifetime::draw(&Asked::default(), &NONE, 0.1).whole, NEVER);
        let endless = Caps { redis: Some(NEVER), disk: Some(1000) };
        assert_eq!(Lifetime::draw(&Asked::default(), &endless, 0.1).whole, NEVER);
    }

    #[test]
    fn jitter_moves_either_way_by_its_share() {
        let of = |draw| Lifetime::draw(&Asked { draw: Some(draw), ..asked(100.0) }, &NONE, 0.1).whole;
        assert_eq!([of(0.0), of(0.5), of(1.0)], [90_000, 100_000, 110_000]);
    }

    #[test]
    fn a_capped_tier_has_no_stale_window() {
        let lifetime =
            Lifetime::draw(&Asked { l1_ttl: Some(1.0), stale_for: 30.0, ..asked(60.0) }, &NONE, 0.0);
        assert_eq!(lifetime.until(lifetime.memory, 5), (1005, 1005));
        assert_eq!(lifetime.until(lifetime.disk, 5), (60_005, 90_005));
        assert_eq!(lifetime.until(NEVER, 5).1, NEVER);
    }

    proptest! {
        #[test]
        fn no_tier_outlives_its_cap_or_the_whole(
            ttl in proptest::option::of(0.001f64..1e7), l1 in proptest::option::of(0.001f64..1e7), cap in 1u64..1_000_000_000,
            draw in proptest::option::of(0.0f64..1.0), jitter in 0.0f64..1.0,
        ) {
            let caps = Caps { redis: Some(cap), disk: None };
            let life = Lifetime::draw(&Asked { ttl, l1_ttl: l1, draw, ..Asked::default() }, &caps, jitter);
            prop_assert!(life.redis <= cap && life.redis <= life.whole && life.memory <= life.whole && life.memory >= 1);
            prop_assert!(l1.is_none_or(|l1| life.memory <= millis(l1)));
        }
        #[test]
        fn what_is_left_never_grows(deadline in 0u64.., cap in 0u64.., now in 0u64..) {
            let record = capped(Record::new(Tag::Text, "x", deadline), cap, now);
            prop_assert!(record.deadline <= deadline && record.stale_until >= record.deadline);
        }
    }
}
