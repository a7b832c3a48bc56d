//! A write: what each tier is given, and what its success is.

use super::lifetime::{Asked, Lifetime};
use super::read::Tiers;
use super::{Millis, Record, Tag, skip};
use bytes::Bytes;

/// What each tier is given; None: it is not asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// For memory. Without one, memory's copy goes: it would be older than this write.
    pub memory: Option<Record>,
    /// For Redis.
    pub redis: Option<Record>,
    /// For the disk.
    pub disk: Option<Record>,
}
impl Plan {
    /// Plans a write.
    pub fn new(
        tiers: &Tiers,
        lifetime: &Lifetime,
        tag: Tag,
        bytes: &Bytes,
        tags: &[Box<str>],
        flags: u32,
        now: Millis,
    ) -> Self {
        let record = |millis| {
            let (deadline, stale_until) = lifetime.until(millis, now);
            Record { tag, deadline, stale_until, tags: tags.into(), bytes: bytes.clone() }
        };
        let asked = |there: bool, flag: u32| there && flags & flag == 0;
        Self {
            memory: asked(tiers.memory, skip::MEMORY).then(|| record(lifetime.memory)),
            redis: asked(tiers.caps.redis.is_some(), skip::REDIS).then(|| record(lifetime.redis)),
            disk: asked(tiers.caps.disk.is_some(), skip::DISK).then(|| record(lifetime.disk)),
        }
    }
    /// The lifetime of a write to these tiers.
    pub fn lifetime(tiers: &Tiers, asked: &Asked, jitter: f64) -> Lifetime {
        Lifetime::draw(asked, &tiers.caps, jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::coherence::Rules;
    use crate::cache::lifetime::Caps;

    #[test]
    fn each_tier_has_its_own_deadline_and_skipped_ones_none() {
        let caps = Caps { redis: Some(1000), disk: Some(9000) };
        let rules = Rules { memory_ttl: 10, serves_when_down: true };
        let tiers = Tiers { memory: true, caps, rules, negative: None };
        let asked = Asked { ttl: Some(5.0), l1_ttl: Some(0.5), ..Asked::default() };
        let lifetime = Plan::lifetime(&tiers, &asked, 0.0);
        let plan = Plan::new(&tiers, &lifetime, Tag::Text, &Bytes::from_static(b"v"), &[], 0, 100);
        let deadlines =
            [plan.memory, plan.redis, plan.disk].map(|record| record.map(|record| record.deadline));
        assert_eq!(deadlines, [Some(600), Some(1100), Some(5100)]);
        let plan =
            Plan::new(&tiers, &lifetime, Tag::Text, &Bytes::new(), &[], skip::MEMORY | skip::DISK, 100);
        assert!(plan.memory.is_none() && plan.disk.is_none() && plan.redis.is_some());
    }
}
