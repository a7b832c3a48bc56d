//! How far a copy in memory is to be believed, by what tells of changes elsewhere.

use super::Millis;

/// What Redis is to this instance at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// There is no Redis: nobody else changes memory, and the disk's ring tells of other processes.
    Alone,
    /// It tells of every change.
    Tracking,
    /// It answers, or may, and tells nothing.
    Silent,
    /// It does not answer.
    Down {
        /** When tracking was lost, and the trust until then. */
        lost: Option<(Millis, i32)>,
    },
}
impl Told {
    /// Whether a key set elsewhere would be told, so that absences may be remembered.
    pub fn tells(self) -> bool {
        matches!(self, Told::Alone | Told::Tracking)
    }
}

/// The rules of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Longest time for which a copy is served while nothing tells of changes.
    pub memory_ttl: Millis,
    /// Whether memory and disk serve while Redis is down.
    pub serves_when_down: bool,
}
impl Rules {
    /// Until when a copy may be served as fresh without asking; None: ask. `trust` is the memory's at the moment,
    /// `copy_trust` that in which the copy was stored.
    pub fn good_until(
        &self,
        told: Told,
        deadline: Millis,
        stored: Millis,
        copy_trust: i32,
        trust: i32,
    ) -> Option<Millis> {
        let trusted = copy_trust == trust;
        match told {
            Told::Alone | Told::Tracking => trusted.then_some(deadline),
            Told::Silent => trusted.then_some(deadline.min(stored.saturating_add(self.memory_ttl))),
            Told::Down { .. } if !self.serves_when_down => None,
            Told::Down { lost } => {
                let since = match lost {
                    // told of every change until then
                    Some((at, before)) if copy_trust == before => stored.max(at),
                    _ if trusted => stored,
                    _ => return None,
                };
                Some(deadline.min(since.saturating_add(self.memory_ttl)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { memory_ttl: 10, serves_when_down: true };
    fn until(told: Told, stored: Millis, copy_trust: i32) -> Option<Millis> {
        RULES.good_until(told, 1000, stored, copy_trust, 5)
    }

    #[test]
    fn while_tracking_a_copy_lives_to_its_deadline() {
        assert_eq!(until(Told::Tracking, 100, 5), Some(1000));
        assert_eq!(until(Told::Alone, 100, 5), Some(1000));
    }
    #[test]
    fn a_copy_from_before_a_loss_is_asked_again_while_redis_answers() {
        assert_eq!(until(Told::Tracking, 100, 4), None);
        assert_eq!(until(Told::Silent, 100, 4), None);
        assert_eq!(until(Told::Alone, 100, 4), None);
    }
    #[test]
    fn when_nothing_tells_memory_ttl_caps() {
        assert_eq!(until(Told::Silent, 100, 5), Some(110));
        assert_eq!(until(Told::Silent, 995, 5), Some(1000));
    }
    #[test]
    fn while_down_a_tracked_copy_is_served_for_memory_ttl_after_the_loss() {
        let down = Told::Down { lost: Some((500, 4)) };
        assert_eq!(until(down, 100, 4), Some(510));
        assert_eq!(until(down, 505, 5), Some(515), "stored while down");
        assert_eq!(until(down, 100, 3), None, "suspect before this loss already");
        assert_eq!(until(Told::Down { lost: None }, 100, 5), Some(110), "never tracked");
    }
    #[test]
    fn or_not_at_all() {
        let rules = Rules { serves_when_down: false, ..RULES };
        assert_eq!(rules.good_until(Told::Down { lost: None }, 1000, 100, 5, 5), None);
    }
}
