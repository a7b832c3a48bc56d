//! Rows in their tables, counted.

use super::apply::Changing;
use super::codec::{State, decode_letter, decode_row, decode_seen, encode_row, encode_seen};
use super::fault::Fail;
use super::row::{Letter, Row, Seen, Seq};
use redb::ReadableTable;

/// Of a letter's error text so much is kept.
const MAX_ERROR_BYTES: usize = 64 << 10;

impl Changing<'_, '_> {
    pub(super) fn put_pending(&mut self, state: &mut State, row: &Row) -> Result<(), Fail> {
        encode_row(&mut self.buffer, state.id, row, None);
        let old = self.pending.insert((state.id, row.seq), self.buffer.as_slice())?;
        if let Some(old) = old {
            let (old, _) = decode_row(old.value(), state.id, row.seq).ok_or(Fail::Damaged("an item"))?;
            state.bytes = state.bytes.saturating_sub(old.bytes());
        } else {
            state.pending += 1;
        }
        state.bytes += row.bytes();
        state.next = state.next.max(row.seq.saturating_add(1));
        Ok(())
    }
    pub(super) fn take_pending(&mut self, state: &mut State, seq: Seq) -> Result<Option<Row>, Fail> {
        let Some(found) = self.pending.remove((state.id, seq))? else { return Ok(None) };
        let (row, _) = decode_row(found.value(), state.id, seq).ok_or(Fail::Damaged("an item"))?;
        state.pending = state.pending.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(row.bytes());
        Ok(Some(row))
    }
    pub(super) fn put_letter(&mut self, state: &mut State, letter: &Letter) -> Result<(), Fail> {
        self.take_letter(state, letter.row.seq)?;
        let error = cut(&letter.error);
        encode_row(&mut self.buffer, state.id, &letter.row, Some((letter.died, error)));
        self.dead.insert((state.id, letter.row.seq), self.buffer.as_slice())?;
        state.dead += 1;
        state.bytes += letter.row.bytes() + error.len() as u64;
        state.next = state.next.max(letter.row.seq.saturating_add(1));
        Ok(())
    }
    pub(super) fn take_letter(&mut self, state: &mut State, seq: Seq) -> Result<Option<Letter>, Fail> {
        if state.dead == 0 {
            return Ok(None);
        }
        let Some(found) = self.dead.remove((state.id, seq))? else { return Ok(None) };
        let letter = decode_letter(found.value(), state.id, seq).ok_or(Fail::Damaged("a letter"))?;
        state.dead = state.dead.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(letter.row.bytes() + letter.error.len() as u64);
        Ok(Some(letter))
    }
    pub(super) fn find_seen(&self, state: &State, key: &str) -> Result<Option<Seen>, Fail> {
        let Some(found) = self.seen.get((state.id, key))? else { return Ok(None) };
        decode_seen(found.value(), state.id, key).map(Some).ok_or(Fail::Damaged("a key"))
    }
    pub(super) fn put_seen(&mut self, state: &mut State, seen: &Seen) -> Result<(), Fail> {
        self.take_seen(state, &seen.key)?;
        encode_seen(&mut self.buffer, state.id, seen);
        self.seen.insert((state.id, &*seen.key), self.buffer.as_slice())?;
        if seen.pending.is_none() {
            self.expiry.insert((state.id, seen.expires, &*seen.key), ())?;
        }
        state.seen += 1;
        state.bytes += seen_bytes(seen);
        self.seen_written += 1;
        Ok(())
    }
    pub(super) fn take_seen(&mut self, state: &mut State, key: &str) -> Result<(), Fail> {
        let Some(found) = self.seen.remove((state.id, key))? else { return Ok(()) };
        let seen = decode_seen(found.value(), state.id, key).ok_or(Fail::Damaged("a key"))?;
        self.expiry.remove((state.id, seen.expires, key))?;
        state.seen = state.seen.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(seen_bytes(&seen));
        Ok(())
    }
    /// A key is claimed no more by an item that ends without an effect.
    pub(super) fn free_key(&mut self, state: &mut State, row: &Row) -> Result<(), Fail> {
        let Some(key) = &row.key else { return Ok(()) };
        if self.find_seen(state, key)?.is_some_and(|seen| seen.pending == Some(row.seq)) {
            self.take_seen(state, key)?;
        }
        Ok(())
    }
}

pub(super) fn seen_bytes(seen: &Seen) -> u64 {
    seen.key.len() as u64 + seen.result.as_ref().map_or(0, |result| result.len() as u64)
}
fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_ERROR_BYTES)).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}
