//! The generic cell rate algorithm (ITU-T I.371, virtual scheduling): the time at which the next arrival is due moves on by
//! window / limit with each permit, and may be ahead of the clock by a whole limit. Times in 2^-32 ms.

use super::super::Millis;
use super::record::Record;
use super::types::Decision;

const FRACTION: u32 = 32;

fn due(record: &Record) -> u128 {
    u128::from(record.time()) << FRACTION | u128::from(record.span)
}
/// Between two permits; rounded up, so that rounding admits nothing.
fn spacing(limit: u32, window_ms: Millis) -> u128 {
    (u128::from(window_ms) << FRACTION).div_ceil(u128::from(limit.max(1)))
}
fn up(time: u128) -> Millis {
    (time.div_ceil(1 << FRACTION)) as Millis
}
/// Whether the whole limit is free.
pub(super) fn is_over(record: &Record, now: Millis) -> bool {
    due(record) <= u128::from(now) << FRACTION
}
/// How far ahead of what is allowed this weight would be; 0: it fits.
fn ahead(record: &Record, weight: u32, limit: u32, now: Millis, window_ms: Millis) -> u128 {
    let now = u128::from(now) << FRACTION;
    let spacing = spacing(limit, window_ms);
    let next = due(record).max(now) + u128::from(weight) * spacing;
    next.saturating_sub(now + u128::from(limit) * spacing)
}
/// Whether that weight fits.
pub(super) fn fits(record: &Record, weight: u32, limit: u32, now: Millis, window_ms: Millis) -> bool {
    ahead(record, weight, limit, now, window_ms) == 0
}
/// Takes a weight that fits.
pub(super) fn admit(record: &mut Record, weight: u32, limit: u32, now: Millis, window_ms: Millis) {
    let next = due(record).max(u128::from(now) << FRACTION) + u128::from(weight) * spacing(limit, window_ms);
    record.set_time((next >> FRACTION) as Millis);
    record.span = next as u32;
    record.used = 1;
}
/// Everything about this moment.
pub(super) fn decide(record: &Record, weight: u32, limit: u32, now: Millis, window_ms: Millis) -> Decision {
    let ahead = ahead(record, weight, limit, now, window_ms);
    let at = u128::from(now) << FRACTION;
    let spacing = spacing(limit, window_ms);
    let left = (at + u128::from(limit) * spacing).saturating_sub(due(record).max(at));
    Decision {
        allowed: ahead == 0,
        remaining: (left / spacing) as u64,
        limit: u64::from(limit),
        retry_after_ms: if weight > limit { window_ms } else { up(ahead) },
        reset_ms: up(due(record).saturating_sub(at)),
    }
}
