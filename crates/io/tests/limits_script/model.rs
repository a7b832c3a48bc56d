//! Each answer of the script, and what it leaves in the hash, against a naive model.

use super::{Said, Store, for_cases, terms, timed};
use proptest::prelude::*;
use sluice_core::limiter::lease::{Request, Terms};
use std::collections::{BTreeMap, HashMap};

/// What the design says, without slices that are merged: each booking by the moment from which it counts no more.
#[derive(Default)]
struct Model {
    bookings: Vec<(u64, u64)>,
    seen: HashMap<usize, u64>,
    last: HashMap<usize, (u64, u64)>,
}
impl Model {
    fn used(&self, window_ms: u64, now: u64) -> u64 {
        self.bookings.iter().filter(|(slice, _)| slice + window_ms > now).map(|(_, permits)| permits).sum()
    }
    fn take(&mut self, node: usize, terms: &Terms, request: &Request, now: u64) -> Said {
        let (window_ms, span) = (terms.window_ms, (terms.window_ms / 100).max(1));
        let end_of = |at: u64| at - at % span + span;
        let (granted_at, held) = self.last.get(&node).copied().unwrap_or_default();
        let mut back = if granted_at == request.back_slice { request.back.min(held) } else { 0 };
        for (slice, permits) in &mut self.bookings {
            if *slice == request.back_slice && *slice + window_ms > now {
                let off = back.min(*permits);
                (*permits, back) = (*permits - off, back - off);
            }
        }
        self.bookings.push((end_of(now), request.debt));
        let granted = request.want.min(terms.limit.saturating_sub(self.used(window_ms, now)));
        let slice = end_of(now + span);
        self.bookings.push((slice, granted));
        self.seen.insert(node, now);
        self.last.insert(node, (slice, granted));
        let room_at = |at: &u64| self.used(window_ms, *at) < terms.limit;
        let mut moments: Vec<u64> = self
            .bookings
            .iter()
            .map(|(slice, _)| slice + window_ms)
            .filter(|at| *at > now)
            .chain([now])
            .collect();
        moments.sort_unstable();
        Said {
            granted,
            slice,
            lease_ms: span,
            retry_after_ms: moments.into_iter().find(room_at).unwrap() - now,
            used: self.used(window_ms, now),
            nodes: self.seen.values().filter(|at| **at + 2 * window_ms > now).count() as u64,
        }
    }
}

#[test]
fn it_answers_what_a_naive_model_answers() {
    let mut store = Store::open(&timed());
    type Step = (usize, u64, u64, u64, u8, u64);
    let step = (0..4usize, 0..30u64, 0..8u64, 0..20u64, 0..4u8, 0..1_000_000u64);
    let cases = (1..60u64, 1..3_000u64, prop::collection::vec(step, 1..150));
    let mut count = 0;
    let run = |(limit, window_ms, steps): (u64, u64, Vec<Step>)| {
        count += 1;
        let (key, terms) = (format!("{{case {count}}}"), terms(limit, window_ms));
        let (mut model, mut micros) = (Model::default(), 1_700_000_000_123_456);
        let mut grants: Vec<u64> = vec![0];
        for (node, want, debt, back, which, by) in steps {
            micros += if which == 0 { by * window_ms / 500 } else { by / 50 };
            let now = micros / 1000;
            // mostly the node's own grant, sometimes one of long ago
            let own = model.last.get(&node).map_or(0, |last| last.0);
            let back_slice = if which == 1 { grants[by as usize % grants.len()] } else { own };
            let debt = if which == 2 { debt } else { 0 };
            let request = Request { want, debt, back, back_slice };
            let said = store.take(&key, &format!("node{node}"), &terms, &request, Some(micros));
            let expected = model.take(node, &terms, &request, now);
            prop_assert_eq!(said, expected, "at {}", now);
            grants.push(said.slice);
            let fields = store.fields(&key);
            let slices = fields.iter().filter(|(field, _)| !field.starts_with("n:"));
            let held: BTreeMap<u64, u64> =
                slices.map(|(slice, permits)| (slice.parse().unwrap(), permits.parse().unwrap())).collect();
            prop_assert_eq!(held.values().sum::<u64>(), said.used);
            prop_assert!(held.iter().all(|(slice, permits)| slice + window_ms > now && *permits > 0));
            prop_assert!(held.len() <= 201 && fields.len() <= held.len() + 4);
        }
        Ok(())
    };
    for_cases(60, &cases, run);
}
