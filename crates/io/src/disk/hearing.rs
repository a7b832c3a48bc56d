//! Whether this host hears the channel on which other hosts tell what they changed, and which records are older
//! than a gap in it. Any process that hears covers the host: all its processes read one store.

use super::page::{PLACES, PlaceWord, SharedPage, Word};
use super::tier::Tier;
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// A process that has said nothing for so long does not hear.
const SILENCE_MS: u64 = 2_500;
/// Writes that were on their way when hearing began are committed by then.
const SETTLE_MS: u64 = 250;

/// How far this process is with hearing.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// The instances of this process that hear: while one does, the process does.
    by: HashSet<u64>,
    since: Option<u64>,
    covers: bool,
}
/// The system's clock, which all processes of the host share: `now` may be each one's own.
fn system_ms() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_millis() as u64)
}
/// Until when somebody heard, among the places but one.
fn heard(page: &SharedPage, except: usize, at: u64) -> Option<u64> {
    let others = (0..PLACES).filter(|place| *place != except);
    let heard = others.map(|place| page.place(place, PlaceWord::Heard).load(Ordering::Acquire));
    heard.filter(|heard| *heard + SILENCE_MS >= at && *heard <= at + SILENCE_MS).max()
}

impl Tier {
    /// Whether a record with that number may be older than a change that this host has not heard of.
    pub(super) fn is_suspect(&self, seq: u64) -> bool {
        if !self.config.follows {
            return false;
        }
        let page = self.page.read();
        seq < page.word(Word::Gap).load(Ordering::Acquire) || heard(&page, PLACES, system_ms()).is_none()
    }
    /// That instance heard the channel without a gap until now, or does not hear it.
    pub(super) fn heard(&self, who: u64, hears: bool) {
        let Some(store) = self.open_store() else { return };
        let (page, own) = (&store.place.page, store.place.index);
        let mut hearing = self.hearing.lock();
        if !hears {
            if hearing.by.remove(&who) && hearing.by.is_empty() {
                *hearing = Hearing::default();
                page.place(own, PlaceWord::Heard).store(0, Ordering::Release);
            }
            return;
        }
        hearing.by.insert(who);
        let at = system_ms();
        let since = *hearing.since.get_or_insert(at);
        let own_word = page.place(own, PlaceWord::Heard);
        if hearing.covers && at.saturating_sub(own_word.load(Ordering::Acquire)) > SILENCE_MS {
            // we were held up for longer than others wait: to them there was a gap
            (hearing.since, hearing.covers) = (Some(at), false);
            own_word.store(0, Ordering::Release);
            return;
        }
        if !hearing.covers {
            let other = heard(page, own, at);
            if other.is_some_and(|other| other > since) {
                hearing.covers = true;
            } else if other.is_none() && at.saturating_sub(since) >= SETTLE_MS {
                let Ok(next) = store.next_seq() else { return };
                page.word(Word::Gap).fetch_max(next, Ordering::AcqRel);
                hearing.covers = true;
            }
        }
        if hearing.covers {
            own_word.store(at, Ordering::Release);
        }
    }
}
