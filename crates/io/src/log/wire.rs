//! A turn's changes on their way in: numbers, one text and one run of bytes, cut up again without a copy.

use super::{Change, Row};
use bytes::Bytes;
use std::sync::Arc;

/// Reads the changes of one queue as `lib/batch/changes.js` writes them; None: it did not write this.
pub fn changes(queue: &Arc<str>, numbers: &[f64], text: Vec<u8>, bytes: Vec<u8>) -> Option<Vec<Change>> {
    let ascii = text.is_ascii();
    let mut cut = Cut { numbers: numbers.iter(), text: Bytes::from(text), ascii, bytes: Bytes::from(bytes) };
    let mut changes = Vec::new();
    while let Some(kind) = cut.numbers.next() {
        changes.push(cut.change(queue.clone(), *kind as u32)?);
    }
    Some(changes)
}

/// What is left to read.
struct Cut<'a> {
    numbers: std::slice::Iter<'a, f64>,
    text: Bytes,
    ascii: bool,
    bytes: Bytes,
}
impl Cut<'_> {
    fn change(&mut self, queue: Arc<str>, kind: u32) -> Option<Change> {
        let seq = self.whole()?;
        Some(match kind {
            0 => {
                let (at, attempts, tag) = (self.whole()?, self.whole()? as u32, self.whole()? as u8);
                let (length, claim) = (self.whole()? as usize, self.whole()? == 1);
                // JSON and text; see `sluice_core::cache::Tag`
                let payload = if tag < 2 { self.units(length)? } else { self.raw(length)? };
                let key = self.string()?;
                Change::Accept { queue, row: Row { seq, at, attempts, key, tag, payload }, claim }
            }
            1 => {
                let expires = *self.numbers.next()?;
                let result = self.piece()?;
                let seen = (expires >= 0.0).then(|| (millis(expires), result));
                Change::Complete { queue, seq, seen }
            }
            2 => Change::Attempts { queue, seq, attempts: self.whole()? as u32 },
            3 => {
                let (attempts, died) = (self.whole()? as u32, self.whole()?);
                Change::Bury { queue, seq, attempts, died, error: self.string()?? }
            }
            4 => Change::Requeue { queue, seq },
            5 => Change::Forget { queue, seq },
            _ => return None,
        })
    }
    fn whole(&mut self) -> Option<u64> {
        self.numbers.next().map(|number| *number as u64)
    }
    /// The next text, whose length comes first; -1: there is none.
    fn piece(&mut self) -> Option<Option<Bytes>> {
        let length = *self.numbers.next()?;
        if length < 0.0 { Some(None) } else { self.units(length as usize).map(Some) }
    }
    fn string(&mut self) -> Option<Option<Box<str>>> {
        Some(self.piece()?.map(|piece| String::from_utf8_lossy(&piece).into()))
    }
    fn raw(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.bytes.len()).then(|| self.bytes.split_to(length))
    }
    /// So many UTF-16 units of the text.
    fn units(&mut self, units: usize) -> Option<Bytes> {
        let length = if self.ascii { units } else { utf8_length(&self.text, units)? };
        (length <= self.text.len()).then(|| self.text.split_to(length))
    }
}

/// Infinity is never.
fn millis(number: f64) -> u64 {
    if number == f64::INFINITY { u64::MAX } else { number as u64 }
}

/// How many bytes so many UTF-16 units at the start of a text are.
fn utf8_length(text: &[u8], units: usize) -> Option<usize> {
    let (mut at, mut left) = (0, units);
    while left > 0 {
        let (bytes, count) = match *text.get(at)? {
            0..0x80 => (1, 1),
            0x80..0xe0 => (2, 1),
            0xe0..0xf0 => (3, 1),
            _ => (4, 2),
        };
        at += bytes;
        left = left.checked_sub(count)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_in_utf16_units() {
        let text = "aé€😀z";
        assert_eq!(utf8_length(text.as_bytes(), 0), Some(0));
        assert_eq!(utf8_length(text.as_bytes(), 1), Some(1));
        assert_eq!(utf8_length(text.as_bytes(), 2), Some(3));
        assert_eq!(utf8_length(text.as_bytes(), 3), Some(6));
        assert_eq!(utf8_length(text.as_bytes(), 4), None, "half a pair");
        assert_eq!(utf8_length(text.as_bytes(), 5), Some(10));
        assert_eq!(utf8_length(text.as_bytes(), 6), Some(11));
        assert_eq!(utf8_length(text.as_bytes(), 7), None);
    }
    #[test]
    fn every_kind_and_what_is_cut_short() {
        let queue: Arc<str> = "q".into();
        let numbers = [
            0.0,
            7.0,
            1000.0,
            2.0,
            0.0,
            3.0,
            1.0,
            2.0, // accept, JSON, with a key
            0.0,
            8.0,
            1000.0,
            0.0,
            2.0,
            2.0,
            0.0,
            -1.0, // accept, bytes
            1.0,
            7.0,
            f64::INFINITY,
            1.0, // complete, with a result
            1.0,
            8.0,
            -1.0,
            -1.0, // complete
            2.0,
            9.0,
            4.0, // attempts
            3.0,
            9.0,
            5.0,
            2000.0,
            4.0, // bury
            4.0,
            9.0,
            5.0,
            9.0, // requeue, forget
        ];
        let text = "\"é\"k€5boom".as_bytes().to_vec();
        let read = changes(&queue, &numbers, text.clone(), vec![1, 2]).unwrap();
        let row = |seq, attempts, key: Option<&str>, tag, payload: &'static [u8]| Row {
            seq,
            at: 1000,
            attempts,
            key: key.map(Into::into),
            tag,
            payload: Bytes::from_static(payload),
        };
        let q = || queue.clone();
        let expected = vec![
            Change::Accept { queue: q(), row: row(7, 2, Some("k€"), 0, "\"é\"".as_bytes()), claim: true },
            Change::Accept { queue: q(), row: row(8, 0, None, 2, &[1, 2]), claim: false },
            Change::Complete { queue: q(), seq: 7, seen: Some((u64::MAX, Some(Bytes::from_static(b"5")))) },
            Change::Complete { queue: q(), seq: 8, seen: None },
            Change::Attempts { queue: q(), seq: 9, attempts: 4 },
            Change::Bury { queue: q(), seq: 9, attempts: 5, error: "boom".into(), died: 2000 },
            Change::Requeue { queue: q(), seq: 9 },
            Change::Forget { queue: q(), seq: 9 },
        ];
        assert_eq!(read, expected);
        assert!(changes(&queue, &numbers, text[..text.len() - 1].to_vec(), vec![1, 2]).is_none());
        assert!(changes(&queue, &numbers, text, vec![1]).is_none());
        assert!(changes(&queue, &[9.0, 1.0], vec![], vec![]).is_none());
        assert!(changes(&queue, &[2.0, 1.0], vec![], vec![]).is_none());
    }
}
