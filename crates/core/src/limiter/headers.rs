//! The numbers of rate-limit headers: whole seconds, rounded up, so that whoever waits as long as it is told is not too early.
//!
//! `RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers (from revision 08 on: `r`, `t`, `q`, `w`),
//! `Retry-After` that of RFC 9110, the `X-RateLimit-*` what services have long sent.

use super::Millis;
use super::keyed::Decision;

/// What the headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// `q` of the policy, `X-RateLimit-Limit`.
    pub limit: u64,
    /// `r`, `X-RateLimit-Remaining`.
    pub remaining: u64,
    /// `t`, `X-RateLimit-Reset`: seconds until the whole limit is free.
    pub reset_s: u64,
    /// `w` of the policy; at least 1.
    pub window_s: u64,
    /// `Retry-After`, only when refused; at least 1.
    pub retry_after_s: Option<u64>,
}
impl Numbers {
    /// Of what a check found.
    pub fn of(found: &Decision, window_ms: Millis) -> Self {
        Self {
            limit: found.limit,
            remaining: found.remaining,
            reset_s: found.reset_ms.div_ceil(1000),
            window_s: window_ms.div_ceil(1000).max(1),
            retry_after_s: (!found.allowed).then(|| found.retry_after_ms.div_ceil(1000).max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_retry_after_is_only_for_the_refused() {
        let refused =
            Decision { allowed: false, remaining: 0, limit: 10, retry_after_ms: 1, reset_ms: 59_001 };
        let numbers = Numbers::of(&refused, 60_000);
        assert_eq!(
            numbers,
            Numbers { limit: 10, remaining: 0, reset_s: 60, window_s: 60, retry_after_s: Some(1) }
        );
        let passed = Decision { allowed: true, remaining: 10, limit: 10, retry_after_ms: 0, reset_ms: 0 };
        let numbers = Numbers::of(&passed, 100);
        assert_eq!(
            numbers,
            Numbers { limit: 10, remaining: 10, reset_s: 0, window_s: 1, retry_after_s: None }
        );
    }
}
