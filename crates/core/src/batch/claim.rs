//! A claim on a key in Redis: what its value says, and what follows from it.
//!
//! The key is the `keyPrefix` and the item's key, nothing else, so that what older instances wrote there is found. Its
//! value is text:
//!
//! | value | says |
//! |---|---|
//! | `sluice:1:pending:OWNER` | an instance has the item; the time to live is its lease, which it renews at a third |
//! | `sluice:1:done` | it had its effect; its result was undefined, or larger than is kept |
//! | `sluice:1:done:JSON` | it had its effect, with this result |
//! | anything else | an older instance's mark (`1`), or a newer one's: it had its effect |
//!
//! OWNER is new for each claim, so that nobody renews, ends or frees another's, or an earlier one of its own.

use super::types::Millis;

/// How long a claim lives that nobody renews.
pub const LEASE_MS: Millis = 10_000;
/// The largest result that is kept, bytes of JSON.
pub const MOST_RESULT_BYTES: usize = 4_096;

const PENDING: &str = "sluice:1:pending:";
const DONE: &str = "sluice:1:done";
/// The first look at another's claim comes after so long, each later one after twice as long as the one before.
const FIRST_LOOK_MS: Millis = 20;
const LAST_LOOK_MS: Millis = 500;

/// KEYS: the claim. ARGV: its value, milliseconds. Renews ours, or takes one that is gone; 1: ours, 0: another's.
pub const RENEW: &str = "local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";
/// KEYS: the claim. ARGV: its value, what it had its effect with, milliseconds or 0 for good. Another's is left alone.
pub const FINISH: &str = "local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1";
/// KEYS: the claim. ARGV: its value. Another's is left alone.
pub const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// The value of a claim.
pub fn pending(owner: &str) -> String {
    [PENDING, owner].concat()
}
/// The value of a key that had its effect.
pub fn done(result: Option<&str>) -> String {
    match result.filter(|json| json.len() <= MOST_RESULT_BYTES) {
        Some(json) => [DONE, ":", json].concat(),
        None => DONE.to_owned(),
    }
}

/// What follows for the item that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The claim is its own: it is sent.
    Ours,
    /// It was sent before, with this result: JSON, or undefined.
    Done(Option<&'a str>),
    /// Another has it: to be looked at again after so many milliseconds.
    Busy(Millis),
}

/// What follows from a value (None: there is none) for a claim with the value `mine`. `left`: milliseconds that it lives
/// on, None where that is not known. `looks`: how often it was looked at before.
pub fn answer<'a>(value: Option<&'a str>, mine: &str, left: Option<Millis>, looks: u32) -> Answer<'a> {
    let Some(value) = value else { return Answer::Busy(0) };
    if value == mine {
        return Answer::Ours;
    }
    if value.starts_with(PENDING) {
        let pause =
            FIRST_LOOK_MS.saturating_mul(1u64.checked_shl(looks).unwrap_or(Millis::MAX)).min(LAST_LOOK_MS);
        // when the lease runs out, and not before: to the millisecond it still is there
        return Answer::Busy(left.map_or(pause, |left| pause.min(left.saturating_add(1))));
    }
    let result = value.strip_prefix(DONE).and_then(|rest| rest.strip_prefix(':'));
    Answer::Done(result.filter(|json| json.len() <= MOST_RESULT_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_values_say() {
        assert_eq!(pending("me:1"), "sluice:1:pending:me:1");
        assert_eq!(done(None), "sluice:1:done");
        assert_eq!(done(Some("{\"a\":1}")), "sluice:1:done:{\"a\":1}");
        let of = |value| answer(Some(value), "sluice:1:pending:me:1", Some(7_000), 0);
        assert_eq!(of("sluice:1:pending:me:1"), Answer::Ours);
        assert_eq!(of("sluice:1:pending:me:10"), Answer::Busy(20), "another, though it begins as ours does");
        assert_eq!(of("sluice:1:done"), Answer::Done(None));
        assert_eq!(of("sluice:1:done:[1]"), Answer::Done(Some("[1]")));
        for foreign in ["1", "", "sluice:2:pending:me:1", "sluice:1:done!", "{\"id\":7}"] {
            assert_eq!(of(foreign), Answer::Done(None), "{foreign}");
        }
    }
    #[test]
    fn looks_are_further_and_further_apart_and_one_is_at_the_end_of_the_lease() {
        let pause = |left, looks| answer(Some("sluice:1:pending:you:1"), "", left, looks);
        let pauses: Vec<Answer> = (0..8).map(|looks| pause(None, looks)).collect();
        let expected = [20, 40, 80, 160, 320, 500, 500, 500].map(Answer::Busy);
        assert_eq!(pauses, expected);
        assert_eq!(pause(None, 64), Answer::Busy(500));
        assert_eq!(pause(None, u32::MAX), Answer::Busy(500));
        assert_eq!(pause(Some(30), 5), Answer::Busy(31));
        assert_eq!(answer(None, "x", None, 3), Answer::Busy(0), "gone since: asked for at once");
    }
    #[test]
    fn large_results_are_not_kept() {
        let json = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert_eq!(done(Some(&json(4_096))), format!("sluice:1:done:{}", json(4_096)));
        assert_eq!(done(Some(&json(4_097))), "sluice:1:done");
        let large = format!("sluice:1:done:{}", json(4_097));
        assert_eq!(answer(Some(&large), "", None, 0), Answer::Done(None));
    }
    proptest! {
        #[test]
        fn what_is_written_is_read(json in ".{0,200}", owner in "[a-f0-9:]{1,40}") {
            let (done, pending) = (done(Some(&json)), pending(&owner));
            prop_assert_eq!(answer(Some(&done), "", None, 0), Answer::Done(Some(json.as_str())));
            prop_assert_eq!(answer(Some(&pending), &pending, None, 0), Answer::Ours);
        }
    }
}
