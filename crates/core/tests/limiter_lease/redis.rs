//! A naive Redis.

use sluice_core::limiter::lease::{Answer, Request, Terms};
use std::collections::BTreeMap;

pub const SLICES: u64 = 100;

/// What the script does (docs/design/limiter.md, "Redis"): slices of a hundredth of the window, a grant in the slice of its end.
#[derive(Default)]
pub struct Redis {
    pub slices: BTreeMap<u64, u64>,
}
impl Redis {
    pub fn take(&mut self, request: &Request, terms: &Terms, nodes: u64, now: u64) -> Answer {
        let slice_ms = (terms.window_ms / SLICES).max(1);
        // a slice counts until a window after its end
        self.slices.retain(|slice, _| (slice + 1) * slice_ms + terms.window_ms > now);
        if let Some(booked) = self.slices.get_mut(&request.back_slice) {
            *booked -= request.back.min(*booked);
        }
        *self.slices.entry(now / slice_ms).or_default() += request.debt;
        let used: u64 = self.slices.values().sum();
        let free = terms.limit.saturating_sub(used);
        let granted = request.want.min(free);
        let slice = (now + slice_ms) / slice_ms;
        *self.slices.entry(slice).or_default() += granted;
        // when so many slices have left that there is room for one
        let mut left: u64 = self.slices.values().sum();
        let room_at = self.slices.iter().find_map(|(slice, booked)| {
            left -= booked;
            (left < terms.limit).then_some((slice + 1) * slice_ms + terms.window_ms)
        });
        let first = room_at.unwrap_or(now);
        let used: u64 = self.slices.values().sum();
        let retry_after_ms = if used < terms.limit { 0 } else { first.saturating_sub(now).max(1) };
        Answer { granted, slice, lease_ms: slice_ms, retry_after_ms, used, nodes }
    }
}
