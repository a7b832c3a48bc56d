//! Two buckets: the estimate of a sliding window is the current one and of the previous one the share that the window still
//! covers. Published, with its error over 400 million requests (0.003 % wrongly let through or refused), as "How we built rate
//! limiting capable of scaling to millions of domains", Cloudflare, 2017. What it guarantees: never N within a bucket, and less than 2 N in any window.

use super::super::Millis;
use super::record::Record;
use super::types::Decision;

/// Turns to the bucket of this moment.
pub(super) fn roll(record: &mut Record, now: Millis, window_ms: Millis) {
    if record.window() != window_ms {
        carry_over(record, now, window_ms);
    }
    let began = now - now % window_ms;
    let was = record.time();
    if was == began {
        return;
    }
    record.span = if was + window_ms == began { record.used } else { 0 };
    record.used = 0;
    record.set_time(began);
}
/// Buckets of another window become one of this window: that of the last moment at which any of it can have been admitted, so
/// that it counts longer, never shorter.
fn carry_over(record: &mut Record, now: Millis, window_ms: Millis) {
    let (was, old) = (record.time(), record.window());
    let last = now.min((was + old).saturating_sub(1));
    // what a window as long has left behind is in no shorter one; a longer one may still cover it
    let covered = if window_ms > old { old } else { old.saturating_sub(last.saturating_sub(was)) };
    let kept = (u64::from(record.span) * covered).div_ceil(old.max(1)) as u32;
    (record.span, record.used) = (0, record.used.saturating_add(kept));
    record.set_time(last - last % window_ms);
    record.set_window(window_ms);
}
/// Whether nothing counts any more, ever since the bucket that it is in.
pub(super) fn is_over(record: &Record, now: Millis, window_ms: Millis) -> bool {
    let old = record.window();
    if old != window_ms {
        // as long as what is carried over may count
        return record.time() + old + 2 * window_ms <= now;
    }
    let buckets = if record.used > 0 { 2 } else { 1 };
    record.time() + buckets * window_ms <= now
}
/// What is left of `limit`, times the window; after `roll`.
fn left(previous: u32, current: u32, limit: u32, passed: Millis, window_ms: Millis) -> i128 {
    let fading = i128::from(previous) * i128::from(window_ms.saturating_sub(passed));
    (i128::from(limit) - i128::from(current)) * i128::from(window_ms) - fading
}
/// Whether that weight fits; after `roll`.
pub(super) fn fits(record: &Record, weight: u32, limit: u32, now: Millis, window_ms: Millis) -> bool {
    let left = left(record.span, record.used, limit, now - record.time(), window_ms);
    left >= i128::from(weight) * i128::from(window_ms)
}
/// The first millisecond of a bucket at which that weight fits; None: none of them.
fn fits_at(previous: u32, current: u32, weight: u32, limit: u32, window_ms: Millis) -> Option<Millis> {
    let room = (i128::from(limit) - i128::from(current) - i128::from(weight)) * i128::from(window_ms);
    if room < 0 {
        return None;
    }
    if previous == 0 {
        return Some(0);
    }
    // previous x (window - passed) <= room
    let covered = (room / i128::from(previous)).min(i128::from(window_ms)) as u64;
    Some(window_ms - covered).filter(|&passed| passed < window_ms)
}
/// Everything about this moment; after `roll`.
pub(super) fn decide(record: &Record, weight: u32, limit: u32, now: Millis, window_ms: Millis) -> Decision {
    let (previous, current, passed) = (record.span, record.used, now - record.time());
    let to_next = window_ms - passed;
    let allowed = fits(record, weight, limit, now, window_ms);
    let retry_after_ms = if allowed {
        0
    } else if weight > limit {
        window_ms
    } else {
        let here = fits_at(previous, current, weight, limit, window_ms).filter(|&at| at > passed);
        let next = || fits_at(current, 0, weight, limit, window_ms).map(|at| at + window_ms);
        here.or_else(next).unwrap_or(2 * window_ms) - passed
    };
    let left = left(previous, current, limit, passed, window_ms).max(0);
    Decision {
        allowed,
        remaining: (left / i128::from(window_ms)) as u64,
        limit: u64::from(limit),
        retry_after_ms,
        reset_ms: match (previous, current) {
            (0, 0) => 0,
            (_, 0) => to_next,
            _ => to_next + window_ms,
        },
    }
}
