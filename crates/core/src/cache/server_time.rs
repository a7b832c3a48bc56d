//! Deadlines between two clocks: ours, which callers may fake or step, and that of a Redis server. What TIME said is
//! carried on by a clock that never goes back, and each call's `now` is held against it.

use super::{Millis, NEVER};

/// A wait between `now` and the call's start on the I/O thread makes the difference look larger than it is; up to here
/// it is taken for such a wait, beyond for a clock that was stepped or faked.
const WAIT_MS: i64 = 1_000;

/// What is known of a server's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerTime {
    /// The server's microseconds less those of the steady clock.
    base_us: Option<i64>,
    /// The server's milliseconds less the callers'.
    offset_ms: Option<i64>,
}
impl ServerTime {
    /// TIME said so many microseconds; it was asked and answered at those microseconds of a steady clock.
    pub fn sampled(&mut self, server_us: u64, asked_us: u64, answered_us: u64) {
        let middle = asked_us + answered_us.saturating_sub(asked_us) / 2;
        self.base_us = Some((server_us as i64).saturating_sub(middle as i64));
        self.offset_ms = None;
    }
    /// The server's milliseconds less the caller's, whose clock says `now` at `steady_us`. Without a sample: 0.
    pub fn offset(&mut self, now: Millis, steady_us: u64) -> Offset {
        let Some(base_us) = self.base_us else { return Offset(0) };
        let server_ms = base_us.saturating_add(steady_us as i64).div_euclid(1_000);
        let seen = server_ms.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX));
        let offset = match self.offset_ms {
            Some(held) if seen >= held && seen - held < WAIT_MS => held,
            _ => seen,
        };
        self.offset_ms = Some(offset);
        Offset(offset)
    }
}

/// The server's milliseconds less ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset(pub i64);
impl Offset {
    /// A deadline of ours, as the server's.
    pub fn to_server(self, deadline: Millis) -> Millis {
        if deadline == NEVER { NEVER } else { deadline.saturating_add_signed(self.0) }
    }
    /// A deadline of the server's, as ours.
    pub fn to_local(self, deadline: Millis) -> Millis {
        if deadline == NEVER { NEVER } else { deadline.saturating_add_signed(self.0.saturating_neg()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn clocks_an_hour_apart_agree_on_the_time_left() {
        let server_at = 1_700_000_000_000u64;
        let (mut early, mut late) = (ServerTime::default(), ServerTime::default());
        early.sampled(server_at * 1000, 5_000, 7_000);
        late.sampled(server_at * 1000, 105_000, 107_000);
        // both are asked 10 ms after their sample; one is an hour behind the server, the other an hour ahead
        let behind = early.offset(server_at + 10 - HOUR, 16_000);
        let ahead = late.offset(server_at + 10 + HOUR, 116_000);
        assert_eq!((behind, ahead), (Offset(3_600_000), Offset(-3_600_000)));
        let deadline = behind.to_server(server_at + 10 - HOUR + 500);
        assert_eq!(ahead.to_local(deadline), server_at + 10 + HOUR + 500);
        assert_eq!(behind.to_server(NEVER), NEVER);
        assert_eq!(behind.to_local(NEVER), NEVER);
    }

    #[test]
    fn a_wait_is_not_taken_for_a_step_and_a_step_is() {
        let mut time = ServerTime::default();
        assert_eq!(time.offset(5, 5), Offset(0));
        time.sampled(10_000_000, 0, 0);
        assert_eq!(time.offset(9_900, 0), Offset(100));
        assert_eq!(time.offset(9_900, 900_000), Offset(100), "a call that waited 900 ms");
        assert_eq!(time.offset(10_801, 900_000), Offset(99), "one that waited less than the first");
        assert_eq!(time.offset(9_900, 5_000_000), Offset(5_100), "a faked clock stands still");
        time.sampled(10_000_000, 0, 0);
        assert_eq!(time.offset(9_950, 0), Offset(50), "each sample begins anew");
    }

    proptest! {
        #[test]
        fn there_and_back(deadline: u64, offset in -(1i64 << 45)..1i64 << 45) {
            let offset = Offset(offset);
            let deadline = deadline >> 1 | 1 << 46;
            prop_assert_eq!(offset.to_local(offset.to_server(deadline)), deadline);
        }
    }
}
