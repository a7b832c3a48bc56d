//! Changes, made within one transaction of redb.

use super::codec::{MAX_ROW_BYTES, State, decode_letter, decode_row, decode_seen};
use super::fault::Fail;
use super::row::{Change, Letter, Refused, Row, Seen, Seq};
use super::rows::seen_bytes;
use super::tables::{DEAD, EXPIRY, NOTES, PENDING, QUEUES, SEEN};
use redb::{ReadableTable, Table, WriteTransaction};
use sluice_core::error::{Error, Kind};
use std::collections::HashMap;
use std::sync::Arc;

/// Expired keys that a commit removes, besides twice as many as it writes.
const SWEEP: usize = 64;

pub(super) type Queues = HashMap<Arc<str>, State>;
type Rows<'t> = Table<'t, (u32, u64), &'static [u8]>;

pub(super) struct Changing<'t, 's> {
    pub(super) pending: Rows<'t>,
    pub(super) dead: Rows<'t>,
    pub(super) seen: Table<'t, (u32, &'static str), &'static [u8]>,
    pub(super) expiry: Table<'t, (u32, u64, &'static str), ()>,
    queues: Table<'t, &'static str, &'static [u8]>,
    notes: Table<'t, &'static str, &'static str>,
    known: &'s Queues,
    /// Queues that this transaction touches.
    touched: Queues,
    bytes: u64,
    max_bytes: u64,
    refused: Vec<Refused>,
    pub(super) seen_written: usize,
    pub(super) buffer: Vec<u8>,
}
/// What a transaction leaves, to be taken over when it is committed.
pub(super) struct Changed {
    pub(super) queues: Queues,
    pub(super) bytes: u64,
    pub(super) refused: Vec<Refused>,
}

impl<'t, 's> Changing<'t, 's> {
    pub(super) fn begin(
        txn: &'t WriteTransaction,
        known: &'s Queues,
        bytes: u64,
        max_bytes: u64,
    ) -> Result<Self, Fail> {
        Ok(Self {
            pending: txn.open_table(PENDING)?,
            dead: txn.open_table(DEAD)?,
            seen: txn.open_table(SEEN)?,
            expiry: txn.open_table(EXPIRY)?,
            queues: txn.open_table(QUEUES)?,
            notes: txn.open_table(NOTES)?,
            known,
            touched: Queues::new(),
            bytes,
            max_bytes,
            refused: Vec::new(),
            seen_written: 0,
            buffer: Vec::new(),
        })
    }
    /// Sweeps, and writes down how the queues stand.
    pub(super) fn end(mut self, now: u64) -> Result<Changed, Fail> {
        let mut touched = std::mem::take(&mut self.touched);
        for (name, state) in &mut touched {
            self.sweep(state, now)?;
            state.encode(&mut self.buffer, name);
            self.queues.insert(&**name, self.buffer.as_slice())?;
        }
        Ok(Changed { queues: touched, bytes: self.bytes, refused: self.refused })
    }
    pub(super) fn make(&mut self, index: usize, change: &Change) -> Result<(), Fail> {
        let Some(queue) = queue_of(change) else {
            if let Change::Note { name, text } = change {
                match text {
                    Some(text) => self.notes.insert(&**name, &**text)?,
                    None => self.notes.remove(&**name)?,
                };
            }
            return Ok(());
        };
        let mut state = self.state(queue);
        let was = state.bytes;
        match change {
            Change::Accept { row, claim, .. } => match self.refusal(&state, row)? {
                Some(why) => {
                    state.next = state.next.max(row.seq.saturating_add(1));
                    self.refused.push(Refused { index, queue: queue.clone(), seq: row.seq, why });
                }
                None => self.accept(&mut state, row, *claim)?,
            },
            Change::Complete { seq, seen, .. } => self.complete(&mut state, *seq, seen.as_ref())?,
            Change::Attempts { seq, attempts, .. } => {
                if let Some(row) = self.take_pending(&mut state, *seq)? {
                    self.put_pending(&mut state, &Row { attempts: *attempts, ..row })?;
                }
            }
            Change::Bury { seq, attempts, error, died, .. } => {
                if let Some(row) = self.take_pending(&mut state, *seq)? {
                    self.free_key(&mut state, &row)?;
                    let row = Row { attempts: *attempts, ..row };
                    self.put_letter(&mut state, &Letter { row, error: error.clone(), died: *died })?;
                }
            }
            Change::Requeue { seq, .. } => {
                if let Some(letter) = self.take_letter(&mut state, *seq)? {
                    self.put_pending(&mut state, &Row { attempts: 0, ..letter.row })?;
                }
            }
            Change::Forget { seq, .. } => {
                if let Some(row) = self.take_pending(&mut state, *seq)? {
                    self.free_key(&mut state, &row)?;
                }
                self.take_letter(&mut state, *seq)?;
            }
            Change::Adopt { rows, letters, seen, .. } => self.adopt(&mut state, rows, letters, seen)?,
            Change::Clear { up_to, .. } => self.clear(&mut state, *up_to)?,
            Change::Unsee { key, .. } => {
                if self.find_seen(&state, key)?.is_some_and(|seen| seen.pending.is_none()) {
                    self.take_seen(&mut state, key)?;
                }
            }
            Change::Note { .. } => {}
        }
        self.bytes = self.bytes.saturating_sub(was).saturating_add(state.bytes);
        self.touched.insert(queue.clone(), state);
        Ok(())
    }

    fn state(&self, queue: &Arc<str>) -> State {
        let found = self.touched.get(queue).or_else(|| self.known.get(queue)).copied();
        found.unwrap_or_else(|| {
            let new = self.touched.keys().filter(|name| !self.known.contains_key(*name)).count();
            let id = u32::try_from(self.known.len() + new).unwrap_or(u32::MAX);
            State { id, next: 1, ..State::default() }
        })
    }
    fn refusal(&self, state: &State, row: &Row) -> Result<Option<Error>, Fail> {
        let bytes = row.bytes();
        if bytes > MAX_ROW_BYTES {
            let detail = format!("it has {bytes} bytes, the limit is {MAX_ROW_BYTES}");
            return Ok(Some(Error::new(Kind::Value).with("what", "the item").with("detail", detail)));
        }
        let under = (state.id, row.seq);
        if row.seq < state.next && (self.pending.get(under)?.is_some() || self.dead.get(under)?.is_some()) {
            let detail = format!("row {} is there already", row.seq);
            return Ok(Some(Error::new(Kind::Internal).with("what", "the log").with("detail", detail)));
        }
        if self.bytes.saturating_add(bytes) > self.max_bytes {
            let detail = format!("it holds {} of {} bytes, the item has {bytes}", self.bytes, self.max_bytes);
            return Ok(Some(Error::new(Kind::BufferFull).with("what", "the log").with("detail", detail)));
        }
        Ok(None)
    }
    fn accept(&mut self, state: &mut State, row: &Row, claim: bool) -> Result<(), Fail> {
        self.put_pending(state, row)?;
        match &row.key {
            Some(key) if claim => {
                let seen = Seen { key: key.clone(), pending: Some(row.seq), expires: u64::MAX, result: None };
                self.put_seen(state, &seen)
            }
            _ => Ok(()),
        }
    }
    fn complete(
        &mut self,
        state: &mut State,
        seq: Seq,
        end: Option<&(u64, Option<bytes::Bytes>)>,
    ) -> Result<(), Fail> {
        let Some(row) = self.take_pending(state, seq)? else { return Ok(()) };
        let (Some((expires, result)), Some(key)) = (end, &row.key) else {
            return self.free_key(state, &row);
        };
        let claimed = self.find_seen(state, key)?.and_then(|seen| seen.pending);
        if claimed.is_some_and(|other| other != seq) {
            return Ok(());
        }
        let seen = Seen { key: key.clone(), pending: None, expires: *expires, result: result.clone() };
        self.put_seen(state, &seen)
    }
    fn adopt(
        &mut self,
        state: &mut State,
        rows: &[Row],
        letters: &[Letter],
        seen: &[Seen],
    ) -> Result<(), Fail> {
        for row in rows {
            self.take_letter(state, row.seq)?;
            self.put_pending(state, row)?;
        }
        for letter in letters {
            self.take_pending(state, letter.row.seq)?;
            self.put_letter(state, letter)?;
        }
        for seen in seen {
            // what is known here stays, but for a result that is kept longer
            let is_newer = self.find_seen(state, &seen.key)?.is_none_or(|known| {
                known.pending.is_none() && seen.pending.is_none() && known.expires < seen.expires
            });
            if is_newer {
                self.put_seen(state, seen)?;
            }
        }
        Ok(())
    }
    fn clear(&mut self, state: &mut State, up_to: Seq) -> Result<(), Fail> {
        let (id, rows) = (state.id, (state.id, 0)..=(state.id, up_to));
        let (mut count, mut bytes, mut is_damaged) = ([0; 3], 0, false);
        self.pending.retain_in(rows.clone(), |key, value| {
            let row = decode_row(value, id, key.1);
            is_damaged |= row.is_none();
            bytes += row.map_or(0, |(row, _)| row.bytes());
            count[0] += 1;
            false
        })?;
        self.dead.retain_in(rows, |key, value| {
            let letter = decode_letter(value, id, key.1);
            is_damaged |= letter.is_none();
            bytes += letter.map_or(0, |letter| letter.row.bytes() + letter.error.len() as u64);
            count[1] += 1;
            false
        })?;
        let after = id.saturating_add(1);
        self.seen.retain_in((id, "")..(after, ""), |key, value| {
            let seen = decode_seen(value, id, key.1);
            is_damaged |= seen.is_none();
            let stays = seen.as_ref().is_some_and(|seen| seen.pending.is_some_and(|seq| seq > up_to));
            bytes += seen.filter(|_| !stays).map_or(0, |seen| seen_bytes(&seen));
            count[2] += u64::from(!stays);
            stays
        })?;
        self.expiry.retain_in((id, 0, "")..(after, 0, ""), |_, ()| false)?;
        let [pending, dead, seen] = count;
        state.pending = state.pending.saturating_sub(pending);
        state.dead = state.dead.saturating_sub(dead);
        state.seen = state.seen.saturating_sub(seen);
        state.bytes = state.bytes.saturating_sub(bytes);
        if is_damaged { Err(Fail::Damaged("a row")) } else { Ok(()) }
    }
    /// Removes some of a queue's keys that have expired.
    fn sweep(&mut self, state: &mut State, now: u64) -> Result<(), Fail> {
        if state.seen == 0 {
            return Ok(());
        }
        let until = (state.id, now.saturating_add(1), "");
        let mut gone = Vec::new();
        for found in self.expiry.range((state.id, 0, "")..until)?.take(SWEEP + 2 * self.seen_written) {
            gone.push(Box::<str>::from(found?.0.value().2));
        }
        let was = state.bytes;
        for key in gone {
            self.take_seen(state, &key)?;
        }
        self.bytes = self.bytes.saturating_sub(was).saturating_add(state.bytes);
        Ok(())
    }
}

fn queue_of(change: &Change) -> Option<&Arc<str>> {
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
