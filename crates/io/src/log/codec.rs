//! Values of the tables as bytes. Each begins with a checksum of the rest and of where it lies, so that damage is
//! found and not decoded.

use super::row::{Letter, Row, Seen, Seq};
use bytes::Bytes;

/// A payload with its key may have so many bytes: a commit has it in memory three times.
pub const MAX_ROW_BYTES: u64 = 256 << 20;

const SUM: usize = 4;
const NO_KEY: u32 = u32::MAX;
/// Room for all but the payload, mostly.
const HEAD: usize = 256;

/// When an item died, and of what.
pub(super) type Death = (u64, Box<str>);

/// An item as it lies in `pending` or `dead`.
pub(super) fn encode_row(into: &mut Vec<u8>, queue: u32, row: &Row, death: Option<(u64, &str)>) {
    into.clear();
    into.reserve(HEAD + row.payload.len());
    into.extend_from_slice(&[0; SUM]);
    into.push(row.tag);
    into.push(u8::from(death.is_some()));
    into.extend_from_slice(&row.attempts.to_le_bytes());
    into.extend_from_slice(&row.at.to_le_bytes());
    into.extend_from_slice(&row.key.as_deref().map_or(NO_KEY, |key| length(key.len())).to_le_bytes());
    if let Some((died, error)) = death {
        into.extend_from_slice(&died.to_le_bytes());
        into.extend_from_slice(&length(error.len()).to_le_bytes());
        into.extend_from_slice(error.as_bytes());
    }
    into.extend_from_slice(row.key.as_deref().unwrap_or_default().as_bytes());
    into.extend_from_slice(&row.payload);
    seal(into, queue, &row.seq.to_le_bytes());
}
/// The same, back; None: it is damaged.
pub(super) fn decode_row(bytes: &[u8], queue: u32, seq: Seq) -> Option<(Row, Option<Death>)> {
    let mut reader = Reader(unseal(bytes, queue, &seq.to_le_bytes())?);
    let tag = reader.byte()?;
    let is_dead = reader.flag()?;
    let attempts = u32::from_le_bytes(reader.array()?);
    let at = u64::from_le_bytes(reader.array()?);
    let key = u32::from_le_bytes(reader.array()?);
    let mut death = None;
    if is_dead {
        let died = u64::from_le_bytes(reader.array()?);
        let error = u32::from_le_bytes(reader.array()?);
        death = Some((died, reader.text(error)?));
    }
    let key = if key == NO_KEY { None } else { Some(reader.text(key)?) };
    Some((Row { seq, at, attempts, key, tag, payload: Bytes::copy_from_slice(reader.0) }, death))
}
/// The same for `dead`.
pub(super) fn decode_letter(bytes: &[u8], queue: u32, seq: Seq) -> Option<Letter> {
    let (row, death) = decode_row(bytes, queue, seq)?;
    death.map(|(died, error)| Letter { row, error, died })
}

/// A key's row.
pub(super) fn encode_seen(into: &mut Vec<u8>, queue: u32, seen: &Seen) {
    into.clear();
    into.extend_from_slice(&[0; SUM]);
    into.extend_from_slice(&seen.expires.to_le_bytes());
    into.push(u8::from(seen.pending.is_some()));
    into.extend_from_slice(&seen.pending.unwrap_or_default().to_le_bytes());
    into.push(u8::from(seen.result.is_some()));
    into.extend_from_slice(seen.result.as_deref().unwrap_or_default());
    seal(into, queue, seen.key.as_bytes());
}
/// The same, back; None: it is damaged.
pub(super) fn decode_seen(bytes: &[u8], queue: u32, key: &str) -> Option<Seen> {
    let mut reader = Reader(unseal(bytes, queue, key.as_bytes())?);
    let expires = u64::from_le_bytes(reader.array()?);
    let is_pending = reader.flag()?;
    let seq = u64::from_le_bytes(reader.array()?);
    let has_result = reader.flag()?;
    let result = has_result.then(|| Bytes::copy_from_slice(reader.0));
    Some(Seen { key: key.into(), pending: is_pending.then_some(seq), expires, result })
}

/// What is known of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct State {
    /// Its number in the keys of the other tables.
    pub(super) id: u32,
    /// Above all numbers used.
    pub(super) next: Seq,
    pub(super) bytes: u64,
    pub(super) pending: u64,
    pub(super) dead: u64,
    pub(super) seen: u64,
}
impl State {
    pub(super) fn is_empty(&self) -> bool {
        self.pending == 0 && self.dead == 0 && self.seen == 0
    }
    pub(super) fn encode(&self, into: &mut Vec<u8>, name: &str) {
        into.clear();
        into.extend_from_slice(&[0; SUM]);
        for number in [self.next, self.bytes, self.pending, self.dead, self.seen] {
            into.extend_from_slice(&number.to_le_bytes());
        }
        into.extend_from_slice(&self.id.to_le_bytes());
        seal(into, 0, name.as_bytes());
    }
    pub(super) fn decode(bytes: &[u8], name: &str) -> Option<Self> {
        let mut reader = Reader(unseal(bytes, 0, name.as_bytes())?);
        let mut number = || reader.array().map(u64::from_le_bytes);
        let (next, bytes, pending, dead, seen) = (number()?, number()?, number()?, number()?, number()?);
        Some(Self { id: u32::from_le_bytes(reader.array()?), next, bytes, pending, dead, seen })
    }
}

/// Lengths are checked before: see `MAX_ROW_BYTES`.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(NO_KEY)
}
fn sum(bytes: &[u8], queue: u32, place: &[u8]) -> [u8; SUM] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&queue.to_le_bytes());
    hasher.update(place);
    hasher.update(bytes);
    hasher.finalize().to_le_bytes()
}
fn seal(bytes: &mut [u8], queue: u32, place: &[u8]) {
    if let Some((head, rest)) = bytes.split_first_chunk_mut::<SUM>() {
        *head = sum(rest, queue, place);
    }
}
fn unseal<'a>(bytes: &'a [u8], queue: u32, place: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_first_chunk::<SUM>()?;
    (*head == sum(rest, queue, place)).then_some(rest)
}

struct Reader<'a>(&'a [u8]);
impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }
    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
    fn text(&mut self, bytes: u32) -> Option<Box<str>> {
        let (head, rest) = self.0.split_at_checked(usize::try_from(bytes).ok()?)?;
        self.0 = rest;
        std::str::from_utf8(head).ok().map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            seq: 7,
            at: 1_700_000_000_000,
            attempts: 3,
            key: Some("kéy".into()),
            tag: 2,
            payload: Bytes::from_static(b"{\"a\":1}"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        for key in [None, Some("".into()), Some("kéy".into())] {
            let row = Row { key, ..row() };
            encode_row(&mut bytes, 9, &row, None);
            assert_eq!(decode_row(&bytes, 9, 7), Some((row.clone(), None)));
            assert_eq!(decode_letter(&bytes, 9, 7), None);
            encode_row(&mut bytes, 9, &row, Some((11, "it böke")));
            assert_eq!(decode_letter(&bytes, 9, 7), Some(Letter { row, error: "it böke".into(), died: 11 }));
        }
        for result in [None, Some(Bytes::new()), Some(Bytes::from_static(b"[1]"))] {
            for pending in [None, Some(0), Some(u64::MAX)] {
                let seen = Seen { key: "k".into(), pending, expires: 5, result: result.clone() };
                encode_seen(&mut bytes, 1, &seen);
                assert_eq!(decode_seen(&bytes, 1, "k"), Some(seen));
            }
        }
        let state = State { id: 3, next: 4, bytes: 5, pending: 6, dead: 7, seen: 8 };
        state.encode(&mut bytes, "mail");
        assert_eq!(State::decode(&bytes, "mail"), Some(state));
    }

    #[test]
    fn every_flipped_bit_every_cut_and_every_wrong_place_is_found() {
        let mut bytes = Vec::new();
        encode_row(&mut bytes, 9, &row(), Some((11, "error")));
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_row(&bytes, 9, 7), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for end in 0..bytes.len() {
            assert_eq!(decode_row(&bytes[..end], 9, 7), None, "{end} bytes");
        }
        assert_eq!(decode_row(&bytes, 8, 7), None);
        assert_eq!(decode_row(&bytes, 9, 6), None);
    }
}
