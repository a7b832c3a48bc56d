//! A store of rows in plain maps: what the real ones must do, written down as simply as possible.

use bytes::Bytes;
use sluice_core::error::{Error, Kind};
use sluice_io::log::{Change, DurableStore, Letter, Refused, Row, Seen, Seq};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    pub pending: BTreeMap<Seq, Row>,
    pub dead: BTreeMap<Seq, Letter>,
    pub seen: BTreeMap<Box<str>, Seen>,
    pub used: Seq,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub queues: BTreeMap<String, Queue>,
    pub notes: BTreeMap<String, String>,
    pub max_bytes: u64,
    pub id: u128,
}

pub fn queue_of(change: &Change) -> Option<&str> {
    match change {
        Change::Accept { queue, .. }
        | Change::Complete { queue, .. }
        | Change::Attempts { queue, .. }
        | Change::Bury { queue, .. }
        | Change::Requeue { queue, .. }
        | Change::Forget { queue, .. }
        | Change::Adopt { queue, .. }
        | Change::Clear { queue, .. }
        | Change::Unsee { queue, .. } => Some(queue),
        Change::Note { .. } => None,
    }
}
fn length(bytes: &Option<Bytes>) -> usize {
    bytes.as_ref().map_or(0, |bytes| bytes.len())
}
fn weight(row: &Row) -> usize {
    row.payload.len() + row.key.as_ref().map_or(0, |key| key.len())
}
impl Queue {
    fn free(&mut self, row: &Row) {
        if let Some(key) = &row.key
            && self.seen.get(key).is_some_and(|seen| seen.pending == Some(row.seq))
        {
            self.seen.remove(key);
        }
    }
    fn bytes(&self) -> usize {
        let pending: usize = self.pending.values().map(weight).sum();
        let dead: usize = self.dead.values().map(|letter| weight(&letter.row) + letter.error.len()).sum();
        let seen: usize = self.seen.values().map(|seen| seen.key.len() + length(&seen.result)).sum();
        pending + dead + seen
    }
}
impl Model {
    pub fn new(max_bytes: u64) -> Self {
        Self { queues: BTreeMap::new(), notes: BTreeMap::new(), max_bytes, id: 1 }
    }
    /// Why an accept is refused.
    fn make(&mut self, change: &Change) -> Option<Kind> {
        let held = self.bytes();
        let max_bytes = self.max_bytes;
        let Some(name) = queue_of(change) else {
            if let Change::Note { name, text } = change {
                match text {
                    Some(text) => self.notes.insert(name.to_string(), text.to_string()),
                    None => self.notes.remove(&**name),
                };
            }
            return None;
        };
        let queue = self.queues.entry(name.to_owned()).or_default();
        match change.clone() {
            Change::Accept { row, claim, .. } => {
                queue.used = queue.used.max(row.seq);
                if queue.pending.contains_key(&row.seq) || queue.dead.contains_key(&row.seq) {
                    return Some(Kind::Internal);
                }
                if held + weight(&row) as u64 > max_bytes {
                    return Some(Kind::BufferFull);
                }
                if let (Some(key), true) = (&row.key, claim) {
                    let seen =
                        Seen { key: key.clone(), pending: Some(row.seq), expires: u64::MAX, result: None };
                    queue.seen.insert(key.clone(), seen);
                }
                queue.pending.insert(row.seq, row);
            }
            Change::Complete { seq, seen, .. } => {
                let row = queue.pending.remove(&seq)?;
                match (seen, &row.key) {
                    (Some((expires, result)), Some(key)) => {
                        let other = queue.seen.get(key).and_then(|seen| seen.pending);
                        if other.is_none() || other == Some(seq) {
                            let seen = Seen { key: key.clone(), pending: None, expires, result };
                            queue.seen.insert(key.clone(), seen);
                        }
                    }
                    _ => queue.free(&row),
                }
            }
            Change::Attempts { seq, attempts, .. } => {
                if let Some(row) = queue.pending.get_mut(&seq) {
                    row.attempts = attempts;
                }
            }
            Change::Bury { seq, attempts, error, died, .. } => {
                let mut row = queue.pending.remove(&seq)?;
                queue.free(&row);
                row.attempts = attempts;
                queue.dead.insert(seq, Letter { row, error, died });
            }
            Change::Requeue { seq, .. } => {
                let mut letter = queue.dead.remove(&seq)?;
                letter.row.attempts = 0;
                queue.pending.insert(seq, letter.row);
            }
            Change::Forget { seq, .. } => {
                if let Some(row) = queue.pending.remove(&seq) {
                    queue.free(&row);
                }
                queue.dead.remove(&seq);
            }
            Change::Adopt { rows, letters, seen, .. } => {
                for row in rows {
                    queue.used = queue.used.max(row.seq);
                    queue.dead.remove(&row.seq);
                    queue.pending.insert(row.seq, row);
                }
                for letter in letters {
                    queue.used = queue.used.max(letter.row.seq);
                    queue.pending.remove(&letter.row.seq);
                    queue.dead.insert(letter.row.seq, letter);
                }
                for seen in seen {
                    let stays = queue.seen.get(&seen.key).is_some_and(|known| {
                        known.pending.is_some() || seen.pending.is_some() || known.expires >= seen.expires
                    });
                    if !stays {
                        queue.seen.insert(seen.key.clone(), seen);
                    }
                }
            }
            Change::Clear { up_to, .. } => {
                queue.pending.retain(|seq, _| *seq > up_to);
                queue.dead.retain(|seq, _| *seq > up_to);
                queue.seen.retain(|_, seen| seen.pending.is_some_and(|seq| seq > up_to));
            }
            Change::Unsee { key, .. } => {
                if queue.seen.get(&key).is_some_and(|seen| seen.pending.is_none()) {
                    queue.seen.remove(&key);
                }
            }
            Change::Note { .. } => {}
        }
        None
    }
    /// All that a store shows of these queues.
    pub fn of(store: &impl DurableStore, names: &[&str]) -> Self {
        let mut model = Self { id: store.id(), ..Self::new(0) };
        for name in names {
            let mut queue = Queue { used: store.next_seq(name).unwrap() - 1, ..Queue::default() };
            for row in store.pending(name).unwrap() {
                assert!(
                    queue.pending.last_key_value().is_none_or(|(last, _)| *last < row.seq),
                    "out of order"
                );
                queue.pending.insert(row.seq, row);
            }
            for letter in store.letters(name).unwrap() {
                assert!(queue.dead.insert(letter.row.seq, letter).is_none(), "a letter twice");
            }
            for seen in store.seen(name, 0).unwrap() {
                assert!(queue.seen.insert(seen.key.clone(), seen).is_none(), "a key twice");
            }
            model.queues.insert((*name).to_owned(), queue);
        }
        model.notes = store.notes().unwrap().into_iter().collect();
        model
    }
}
impl DurableStore for Model {
    fn commit(&mut self, changes: &[Change], now: u64) -> Result<Vec<Refused>, Error> {
        let mut refused = Vec::new();
        for (index, change) in changes.iter().enumerate() {
            let why = self.make(change);
            if let (Some(kind), Change::Accept { queue, row, .. }) = (why, change) {
                refused.push(Refused { index, queue: queue.clone(), seq: row.seq, why: Error::new(kind) });
            }
        }
        for name in changes.iter().filter_map(queue_of) {
            self.queues.entry(name.to_owned()).or_default().seen.retain(|_, seen| seen.expires > now);
        }
        Ok(refused)
    }
    fn pending(&self, queue: &str) -> Result<Vec<Row>, Error> {
        Ok(self.queues.get(queue).map(|queue| queue.pending.values().cloned().collect()).unwrap_or_default())
    }
    fn letters(&self, queue: &str) -> Result<Vec<Letter>, Error> {
        let letters = self.queues.get(queue).map(|queue| queue.dead.values().cloned());
        let mut letters: Vec<Letter> = letters.into_iter().flatten().collect();
        letters.sort_by_key(|letter| letter.died);
        Ok(letters)
    }
    fn seen(&self, queue: &str, now: u64) -> Result<Vec<Seen>, Error> {
        let seen = self.queues.get(queue).map(|queue| queue.seen.values().cloned());
        let mut seen: Vec<Seen> = seen.into_iter().flatten().filter(|seen| seen.expires > now).collect();
        seen.sort_by_key(|seen| (seen.expires, seen.pending));
        Ok(seen)
    }
    fn queues(&self) -> Result<Vec<String>, Error> {
        let used =
            |queue: &Queue| !(queue.pending.is_empty() && queue.dead.is_empty() && queue.seen.is_empty());
        Ok(self.queues.iter().filter(|(_, queue)| used(queue)).map(|(name, _)| name.clone()).collect())
    }
    fn notes(&self) -> Result<Vec<(String, String)>, Error> {
        Ok(self.notes.clone().into_iter().collect())
    }
    fn next_seq(&self, queue: &str) -> Result<Seq, Error> {
        Ok(self.queues.get(queue).map_or(0, |queue| queue.used) + 1)
    }
    fn id(&self) -> u128 {
        self.id
    }
    fn bytes(&self) -> u64 {
        self.queues.values().map(Queue::bytes).sum::<usize>() as u64
    }
}
