//! The sliding log of 'exact': when how much was admitted. The newest millisecond is in the record (`time`, `open`); what is older is a
//! string of bytes, oldest first, for each millisecond two varints: the gap to the next one with a bit that says whether
//! its weight is more than 1, then the weight less 2. Twelve bytes fit into the record, more are a chain of blocks.

use super::super::Millis;
use super::pages::{Linked, NIL, Pages};
use super::record::{CHAINED, INLINE, Record};
use super::types::Decision;

/// Bytes of a block that are log.
const DATA: usize = 28;
/// A gap of up to 31 bits and a weight of up to 32.
const LONGEST: usize = 10;

/// A block of a chain: 32 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    next: u32,
    data: [u8; DATA],
}
impl Default for Block {
    fn default() -> Self {
        Self { next: NIL, data: [0; DATA] }
    }
}
impl Linked for Block {
    fn link(&self) -> u32 {
        self.next
    }
    fn set_link(&mut self, to: u32) {
        self.next = to;
    }
}

/// Where a chain is: its ends, where its first byte is, where its next one goes.
#[derive(Clone, Copy)]
struct Chain {
    head: u32,
    tail: u32,
    from: u8,
    to: u8,
}
impl Chain {
    fn of(record: &Record) -> Self {
        let [a, b, c, d, e, f, g, h, from, to, _, _] = record.log;
        Self { head: u32::from_le_bytes([a, b, c, d]), tail: u32::from_le_bytes([e, f, g, h]), from, to }
    }
    fn put(self, record: &mut Record) {
        let ([a, b, c, d], [e, f, g, h]) = (self.head.to_le_bytes(), self.tail.to_le_bytes());
        record.log = [a, b, c, d, e, f, g, h, self.from, self.to, 0, 0];
        record.len = CHAINED;
    }
}

/// Reads a log from its oldest byte on.
#[derive(Clone, Copy)]
struct Reader<'a> {
    record: &'a Record,
    blocks: &'a Pages<Block>,
    block: u32,
    at: u8,
}
impl<'a> Reader<'a> {
    #[inline]
    fn new(record: &'a Record, blocks: &'a Pages<Block>) -> Self {
        let (block, at) = if record.len == CHAINED {
            let chain = Chain::of(record);
            (chain.head, chain.from)
        } else {
            (NIL, 0)
        };
        Self { record, blocks, block, at }
    }
    #[inline]
    fn byte(&mut self) -> Option<u8> {
        if self.record.len != CHAINED {
            if self.at >= self.record.len {
                return None;
            }
            let byte = self.record.log.get(usize::from(self.at)).copied();
            self.at += 1;
            return byte;
        }
        let chain = Chain::of(self.record);
        if usize::from(self.at) == DATA && self.block != chain.tail {
            (self.block, self.at) = (self.blocks.get(self.block)?.next, 0);
        }
        if self.block == chain.tail && self.at == chain.to {
            return None;
        }
        let byte = self.blocks.get(self.block)?.data.get(usize::from(self.at)).copied();
        self.at += 1;
        byte
    }
    #[inline]
    fn varint(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 || shift > 56 {
                return Some(value);
            }
            shift += 7;
        }
    }
    /// The weight of the oldest that is left and the gap to the next one; None: only the newest is left.
    #[inline]
    fn entry(&mut self) -> Option<(u32, u32)> {
        let first = self.varint()?;
        let weight = if first & 1 == 1 { self.varint()?.saturating_add(2) } else { 1 };
        Some((u32::try_from(weight).unwrap_or(u32::MAX), (first >> 1) as u32))
    }
}

/// When the oldest that counts was admitted.
#[inline]
pub(super) fn oldest(record: &Record) -> Millis {
    record.time() - u64::from(record.span)
}
/// Drops what has left the window.
#[inline]
pub(super) fn expire(record: &mut Record, blocks: &mut Pages<Block>, now: Millis, window_ms: Millis) {
    while record.used > 0 && oldest(record) + window_ms <= now {
        if record.time() + window_ms <= now {
            clear(record, blocks);
            return;
        }
        pop(record, blocks);
    }
}
#[inline]
fn pop(record: &mut Record, blocks: &mut Pages<Block>) {
    let mut reader = Reader::new(record, blocks);
    let Some((weight, gap)) = reader.entry() else {
        // only the newest is left: it was moved on when there was no room for an entry
        record.span = 0;
        return;
    };
    let (block, at) = (reader.block, reader.at);
    record.used = record.used.saturating_sub(weight);
    record.span = record.span.saturating_sub(gap);
    if record.len != CHAINED {
        record.log.copy_within(usize::from(at).min(INLINE).., 0);
        record.len = record.len.saturating_sub(at);
        if record.len == 0 {
            record.span = 0;
        }
        return;
    }
    let mut chain = Chain::of(record);
    while chain.head != block {
        let next = blocks.get(chain.head).map_or(NIL, |block| block.next);
        blocks.give(chain.head);
        chain.head = next;
    }
    chain.from = at;
    if chain.head == chain.tail && chain.from == chain.to {
        blocks.give(chain.head);
        (record.log, record.len, record.span) = ([0; INLINE], 0, 0);
    } else {
        chain.put(record);
    }
}
/// Forgets everything.
pub(super) fn clear(record: &mut Record, blocks: &mut Pages<Block>) {
    if record.len == CHAINED {
        let chain = Chain::of(record);
        let mut block = chain.head;
        loop {
            let next = blocks.get(block).map_or(NIL, |block| block.next);
            blocks.give(block);
            if block == chain.tail || next == NIL {
                break;
            }
            block = next;
        }
    }
    (record.used, record.open, record.span, record.len, record.log) = (0, 0, 0, 0, [0; INLINE]);
}
/// Admits a weight, 1 at least, after `expire`. Without room for an entry the newest moves on to `now`: it counts longer, never shorter.
#[inline]
pub(super) fn admit(record: &mut Record, blocks: &mut Pages<Block>, weight: u32, now: Millis) {
    if record.used == 0 {
        record.set_time(now);
        (record.open, record.span) = (weight, 0);
    } else {
        let gap = now.saturating_sub(record.time()) as u32;
        if gap == 0 {
            record.open = record.open.saturating_add(weight);
        } else {
            let written = push(record, blocks, gap);
            record.set_time(now);
            record.span = record.span.saturating_add(gap);
            record.open = if written { weight } else { record.open.saturating_add(weight) };
        }
    }
    record.used = record.used.saturating_add(weight);
}
/// Blocks that an entry may need.
pub(super) const BLOCKS_PER_ENTRY: u32 = 2;
/// Whether `admit` would need one more.
#[inline]
pub(super) fn needs_block(record: &Record, now: Millis) -> bool {
    let gap = now.saturating_sub(record.time());
    if record.used == 0 || gap == 0 {
        return false;
    }
    let heavy = if record.open > 1 { bytes_of(u64::from(record.open - 2)) } else { 0 };
    let bytes = bytes_of(gap << 1) + heavy;
    if record.len == CHAINED {
        usize::from(Chain::of(record).to) + bytes > DATA
    } else {
        usize::from(record.len) + bytes > INLINE
    }
}
/// Of a varint.
fn bytes_of(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}
/// Whether dropping it would free blocks.
pub(super) fn has_blocks(record: &Record) -> bool {
    record.len == CHAINED
}

/// Writes the newest millisecond as an entry; false: there is no room.
#[inline]
fn push(record: &mut Record, blocks: &mut Pages<Block>, gap: u32) -> bool {
    let mut bytes = [0; LONGEST];
    let mut len = 0;
    let mut put = |mut value: u64| {
        loop {
            let more = value > 0x7f;
            if let Some(byte) = bytes.get_mut(len) {
                *byte = (value & 0x7f) as u8 | if more { 0x80 } else { 0 };
            }
            len += 1;
            value >>= 7;
            if !more {
                return;
            }
        }
    };
    put(u64::from(gap) << 1 | u64::from(record.open > 1));
    if record.open > 1 {
        put(u64::from(record.open - 2));
    }
    let entry = bytes.get(..len).unwrap_or_default();
    if record.len != CHAINED {
        let from = usize::from(record.len);
        if let Some(room) = record.log.get_mut(from..from + len) {
            room.copy_from_slice(entry);
            record.len += len as u8;
            return true;
        }
        let block = blocks.take();
        let Some(first) = blocks.get_mut(block) else { return false };
        if let (Some(to), Some(held)) = (first.data.get_mut(..from), record.log.get(..from)) {
            to.copy_from_slice(held);
        }
        Chain { head: block, tail: block, from: 0, to: from as u8 }.put(record);
    }
    let mut chain = Chain::of(record);
    let left = DATA.saturating_sub(usize::from(chain.to));
    if left < entry.len() {
        let next = blocks.take();
        if next == NIL {
            return false;
        }
        if let Some(tail) = blocks.get_mut(chain.tail) {
            tail.next = next;
        }
        write(blocks, chain.tail, usize::from(chain.to), entry.get(..left).unwrap_or_default());
        let rest = entry.get(left..).unwrap_or_default();
        write(blocks, next, 0, rest);
        (chain.tail, chain.to) = (next, rest.len() as u8);
    } else {
        write(blocks, chain.tail, usize::from(chain.to), entry);
        chain.to += entry.len() as u8;
    }
    chain.put(record);
    true
}
#[inline]
fn write(blocks: &mut Pages<Block>, block: u32, at: usize, bytes: &[u8]) {
    if let Some(to) = blocks.get_mut(block).and_then(|block| block.data.get_mut(at..at + bytes.len())) {
        to.copy_from_slice(bytes);
    }
}
/// When so much will have left, after `expire`; nothing more than everything can.
pub(super) fn freed_at(record: &Record, blocks: &Pages<Block>, weight: u64, window_ms: Millis) -> Millis {
    let mut reader = Reader::new(record, blocks);
    let (mut freed, mut at) = (0, oldest(record));
    while let Some((left, gap)) = reader.entry() {
        freed += u64::from(left);
        if freed >= weight {
            return at + window_ms;
        }
        at += u64::from(gap);
    }
    record.time() + window_ms
}
/// `clear`, for records that have a log.
pub(super) fn clear_if(has_log: bool, record: &mut Record, blocks: &mut Pages<Block>) {
    if has_log {
        clear(record, blocks);
    }
}
/// Everything about this moment; after `expire`.
pub(super) fn decide(
    record: &Record,
    blocks: &Pages<Block>,
    weight: u32,
    limit: u32,
    now: Millis,
    window_ms: Millis,
) -> Decision {
    let (used, weight, most) = (u64::from(record.used), u64::from(weight), u64::from(limit));
    let allowed = used + weight <= most;
    let retry_after_ms = if allowed {
        0
    } else if weight > most {
        window_ms
    } else {
        freed_at(record, blocks, used + weight - most, window_ms).saturating_sub(now)
    };
    let reset_ms = if used == 0 { 0 } else { (record.time() + window_ms).saturating_sub(now) };
    Decision { allowed, remaining: most.saturating_sub(used), limit: most, retry_after_ms, reset_ms }
}
