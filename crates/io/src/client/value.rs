//! Values as a client sends and gets them: text, since not every client knows bytes.

use crate::redis::compress::inflate;
use bytes::Bytes;
use sluice_core::cache::read::Answer;
use sluice_core::cache::server_time::Offset;
use sluice_core::cache::wire::{self, Head, Stored};
use sluice_core::cache::{Millis, NEVER, Record};

/// What SET is given, and the milliseconds that the server shall keep it (`NEVER`: for good). A plain value cannot
/// say that it is stale, so it ends with its deadline.
pub fn encode(record: &Record, tagged: bool, now: Millis, offset: Offset) -> (Vec<u8>, Millis) {
    if !tagged {
        return (wire::write_plain(record.tag, &record.bytes), left(record.deadline, now));
    }
    let head = Head {
        tag: record.tag,
        deadline: offset.to_server(record.deadline),
        stale_until: offset.to_server(record.stale_until),
        tags: record.tags.clone(),
        zstd: false,
    };
    (wire::write_tagged(&head, &record.bytes, true), left(record.stale_until, now))
}
fn left(end: Millis, now: Millis) -> Millis {
    if end == NEVER { NEVER } else { end.saturating_sub(now) }
}

/// What a client said of a key: its value and the milliseconds that it is still kept. `NEVER`: for good; None: not told,
/// so that the deadline of a plain value is unknown, and that of a tagged one is the server's by the last offset.
pub fn decode(value: Bytes, kept: Option<Millis>, now: Millis, offset: Offset) -> Answer {
    match wire::read(&value) {
        None => Answer::Damaged,
        Some(Stored::Plain(tag, bytes)) => {
            let deadline = kept.map_or(NEVER, |kept| now.saturating_add(kept));
            Answer::Found { record: Record::new(tag, bytes, deadline), doubt: kept.is_none() }
        }
        Some(Stored::Tagged(head, payload)) => {
            let payload = if head.zstd { inflate(&payload).map(Bytes::from) } else { Some(payload) };
            let Some(payload) = payload else { return Answer::Damaged };
            // the server keeps it to the end of its stale window: no clock has to be asked
            let stale_until = match kept {
                Some(kept) if kept != NEVER => now.saturating_add(kept),
                _ => offset.to_local(head.stale_until),
            };
            let window = head.stale_until.saturating_sub(head.deadline);
            let deadline = if head.deadline == NEVER { NEVER } else { stale_until.saturating_sub(window) };
            let record = Record { tag: head.tag, deadline, stale_until, tags: head.tags, bytes: payload };
            Answer::Found { record, doubt: false }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::cache::Tag;

    const NOW: Millis = 1_700_000_000_000;
    fn found(answer: Answer) -> (Record, bool) {
        match answer {
            Answer::Found { record, doubt } => (record, doubt),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plain_value_lives_as_long_as_the_server_keeps_it() {
        let record = Record::new(Tag::Json, "[1]", NOW + 60_000);
        let (text, ms) = encode(&record, false, NOW, Offset(0));
        assert_eq!((text.as_slice(), ms), (&b"[1]"[..], 60_000));
        let read = |kept| found(decode(Bytes::from_static(b"[1]"), kept, NOW + 5, Offset(0)));
        assert_eq!(read(Some(59_995)), (record.clone(), false));
        assert_eq!(read(Some(NEVER)), (Record::new(Tag::Json, "[1]", NEVER), false));
        assert_eq!(read(None), (Record::new(Tag::Json, "[1]", NEVER), true), "the time left is not known");
    }

    #[test]
    fn a_tagged_value_has_its_deadline_before_the_end_of_what_is_kept() {
        let mut record = Record::new(Tag::Bytes, &[0u8, 255][..], NOW + 1000);
        record.stale_until = NOW + 4000;
        let hour = Offset(3_600_000);
        let (text, ms) = encode(&record, true, NOW, hour);
        assert_eq!(ms, 4000, "kept through the stale window");
        assert!(std::str::from_utf8(&text).is_ok(), "bytes go as text");
        // the reader's clock is two hours behind the writer's, and its client does not say what TIME is
        let behind = NOW - 7_200_000;
        let (read, doubt) = found(decode(text.clone().into(), Some(3900), behind, Offset(0)));
        assert_eq!((read.deadline, read.stale_until, doubt), (behind + 900, behind + 3900, false));
        assert_eq!((read.tag, &read.bytes[..]), (Tag::Bytes, &[0u8, 255][..]));
        let (read, _) = found(decode(text.into(), None, NOW, hour));
        assert_eq!((read.deadline, read.stale_until), (NOW + 1000, NOW + 4000));
    }

    #[test]
    fn damaged_values_are_told() {
        assert!(matches!(decode(Bytes::from_static(b"\x01%%"), Some(5), NOW, Offset(0)), Answer::Damaged));
        assert!(matches!(decode(Bytes::from_static(b"\x021x"), Some(5), NOW, Offset(0)), Answer::Damaged));
    }
}
