//! Fuzz targets as plain functions: each panics when what it was given breaks a promise of the parsers.

use sluice_core::error::Error;
use sluice_core::json::{Cursor, unescape};
use sluice_core::stream::framing::Framing;
use sluice_core::stream::{Format, Ids, Machine, Options, Output};

mod batch;
pub mod seeds;

pub use batch::batch;

/// A target by its name, with texts to start from.
pub type Target = (&'static str, fn(&[u8]), &'static [&'static [u8]]);

/// All targets.
pub const TARGETS: &[Target] = &[
    ("sse", sse, seeds::SSE),
    ("ndjson", ndjson, seeds::NDJSON),
    ("aws", aws, seeds::AWS),
    ("cursor", cursor, seeds::JSON),
    ("json", json, seeds::JSON),
    ("machine", machine, seeds::MACHINE),
    ("wire", wire, seeds::WIRE),
    ("batch", batch, seeds::BATCH),
];

const LIMIT: usize = 1 << 12;

/// The standard's event stream and the lenient one, whole and split.
pub fn sse(data: &[u8]) {
    split_alike(data, || Framing::sse(false, LIMIT));
    split_alike(data, || Framing::sse(true, LIMIT));
}

/// Lines of JSON, whole and split.
pub fn ndjson(data: &[u8]) {
    split_alike(data, || Framing::ndjson(LIMIT));
}

/// Amazon's frames, whole and split; as they came, and behind checksums that are right.
pub fn aws(data: &[u8]) {
    split_alike(data, || Framing::aws(LIMIT));
    let Some((&step, frames)) = data.split_first() else { return };
    split_alike(&[&[step], &*with_checksums(frames)].concat(), || Framing::aws(LIMIT));
}

/// The frames with both checksums of each mended: no mutation guesses those.
fn with_checksums(frames: &[u8]) -> Vec<u8> {
    let (mut mended, mut start) = (frames.to_vec(), 0);
    while let Some(prelude) = mended.get(start..start + 12) {
        let total = u32::from_be_bytes([prelude[0], prelude[1], prelude[2], prelude[3]]) as usize;
        let checksum = crc32(&prelude[..8]);
        mended[start + 8..start + 12].copy_from_slice(&checksum);
        if total < 16 || total > mended.len() - start {
            break;
        }
        let tail = start + total - 4;
        let checksum = crc32(&mended[start..tail]);
        mended[tail..tail + 4].copy_from_slice(&checksum);
        start += total;
    }
    mended
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let shift = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    let crc = bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), shift));
    u32::to_be_bytes(!crc)
}

/// The first byte says how the rest is split: in reads of that many bytes.
fn split_alike(data: &[u8], framing: impl Fn() -> Framing) {
    let Some((&step, data)) = data.split_first() else { return };
    let whole = events(data, data.len().max(1), framing());
    for step in [1, usize::from(step).max(1)] {
        assert_eq!(whole, events(data, step, framing()), "split into {step}");
    }
}

type Seen = (Vec<String>, Option<String>, bool);

/// What framing says of a stream: its events, its error, whether it ended between events.
fn events(data: &[u8], step: usize, mut framing: Framing) -> Seen {
    let mut seen = Vec::new();
    let mut note = |event: &sluice_core::stream::Event<'_>| {
        std::str::from_utf8(event.data).expect("an event's payload is UTF-8");
        seen.push(format!("{event:?}"));
        Ok(())
    };
    let mut failure: Option<Error> = None;
    for chunk in data.chunks(step) {
        if let Err(error) = framing.push(chunk, &mut note) {
            failure = Some(error);
            break;
        }
    }
    match &failure {
        Some(error) => {
            assert_eq!(framing.push(b"data: x\n\n", &mut note).as_ref(), Err(error), "an error stays")
        }
        None => failure = framing.finish(&mut note).err(),
    }
    let on_boundary = failure.is_none() && framing.on_boundary();
    (seen, failure.map(|error| error.to_json()), on_boundary)
}

/// The key scanner: any bytes end, and an object that is JSON has the members that another reader finds.
pub fn cursor(data: &[u8]) {
    walk(data);
    let Ok(serde_json::Value::Object(expected)) = serde_json::from_slice::<serde_json::Value>(data) else {
        return;
    };
    let mut found = serde_json::Map::new();
    let mut cursor = Cursor::new(data);
    assert_eq!(cursor.object(), Ok(true));
    while let Some(key) = cursor.next_key().expect("it is JSON") {
        let mut name = Vec::new();
        unescape(key, &mut name);
        let raw = cursor.skip().expect("it is JSON");
        let value = serde_json::from_slice(raw).expect("a member's value is JSON by itself");
        found.insert(String::from_utf8(name).expect("a key is UTF-8"), value);
    }
    cursor.finish().expect("nothing follows");
    assert_eq!(found, expected);
}

/// Goes through any bytes with every kind of step, deciding by the text itself.
fn walk(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let mut inside = Vec::new();
    for &choice in data {
        let step = match inside.last() {
            Some(true) => cursor.next_key().map(|key| key.is_some()),
            Some(false) => cursor.next_element(),
            None => Ok(true),
        };
        let step = match step {
            Ok(false) => {
                inside.pop();
                continue;
            }
            Ok(true) => match choice % 6 {
                0 => cursor.object().map(|entered| entered.then_some(true)),
                1 => cursor.array().map(|entered| entered.then_some(false)),
                2 => cursor.string().map(|text| text.map(|text| text.decode().is_empty()).and(None)),
                3 => cursor.whole().map(|_| None),
                4 => cursor.boolean().map(|_| None),
                _ => cursor.skip().map(|_| None),
            },
            Err(bad) => Err(bad),
        };
        match step {
            Ok(Some(object)) => inside.push(object),
            Ok(None) if inside.is_empty() => break,
            Ok(None) => {}
            Err(bad) => {
                assert!(bad.0 <= data.len(), "an error lies in the text");
                return;
            }
        }
    }
}

/// The body's scanner and index, in every way there is to read, and against another reader.
pub fn json(data: &[u8]) {
    let accepted = sluice_core::body::consistent(data).expect("answers agree");
    // the other reader refuses some of what JSON.parse takes: lone surrogates, deep nesting, huge exponents
    if serde_json::from_slice::<serde_json::Value>(data).is_ok() {
        assert!(accepted, "JSON was refused");
    }
}

/// The whole machine: any provider's format to any client's, whole and split.
pub fn machine(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let formats =
        ["openai-chat", "openai-responses", "claude", "gemini", "ollama", "bedrock-converse", "kiro"];
    let from = formats.get(usize::from(choice) % 8).and_then(|name| Format::named(name));
    let to = formats.get(usize::from(choice) / 8 % 6).filter(|name| !name.starts_with('b'));
    let to = to.and_then(|name| Format::named(name));
    let data = &*if data.first() == Some(&0) { with_checksums(data) } else { data.to_vec() };
    let (whole, passes) = assembled(data, data.len().max(1), from, to);
    let (mut split, _) = assembled(data, 1, from, to);
    if passes && whole.0.is_some() && split.1.starts_with(&whole.1) {
        // by bytes, the event that it failed at was passed on before anybody could know
        split.1.truncate(whole.1.len());
    }
    assert_eq!(whole, split, "split into bytes");
    serde_json::from_slice::<serde_json::Value>(&whole.2).expect("the message is JSON");
}

struct Counted(u32);
impl Ids for Counted {
    fn message(&mut self) -> String {
        self.0 += 1;
        format!("m{}", self.0)
    }
    fn call(&mut self) -> String {
        self.0 += 1;
        format!("c{}", self.0)
    }
}

/// How it failed, the client's bytes, and the message.
type Assembled = (Option<String>, Vec<u8>, Vec<u8>);

/// That, and whether the provider's bytes pass through.
fn assembled(data: &[u8], step: usize, from: Option<Format>, to: Option<Format>) -> (Assembled, bool) {
    let mut machine = Machine::new(Options {
        from,
        to,
        framing: None,
        model: None,
        id: None,
        created_s: 0,
        max_event_bytes: LIMIT,
        max_text_bytes: LIMIT,
        keep_upstream: false,
        keep_client: false,
    });
    let (mut ids, mut out) = (Counted(0), Vec::new());
    let mut failure = None;
    for chunk in data.chunks(step) {
        match machine.push(chunk, &mut ids, &mut out) {
            Ok(Output::Same) => out.extend_from_slice(chunk),
            Ok(_) => {}
            Err(error) => {
                failure = Some(error.to_json());
                break;
            }
        }
    }
    if failure.is_none() {
        failure = machine.finish(&mut ids, &mut out).err().map(|error| error.to_json());
    }
    if failure.is_some() {
        // what the failing read owed for the events before it
        machine.finish(&mut ids, &mut out).expect("it has failed already");
    }
    ((failure, out, machine.message()), !machine.converts())
}

/// What lies in Redis and what its channel says: whatever can be read is written again as it was, or reads the same.
pub fn wire(data: &[u8]) {
    use sluice_core::cache::{channel, wire};
    let value = bytes::Bytes::copy_from_slice(data);
    match wire::read(&value) {
        Some(wire::Stored::Tagged(head, payload)) => {
            let again = wire::write_tagged(&head, &payload, false).into();
            assert_eq!(wire::read(&again), Some(wire::Stored::Tagged(head, payload)));
        }
        Some(wire::Stored::Plain(tag, payload)) => {
            let again = wire::write_plain(tag, &payload).into();
            // a text that another client wrote without quotes gets them, and stays a text
            assert_eq!(wire::read(&again), Some(wire::Stored::Plain(tag, payload)));
        }
        None => {}
    }
    if let Some((origin, notice)) = channel::read(data) {
        let again = channel::write(origin, &notice);
        assert_eq!(channel::read(&again), Some((origin, notice)));
    }
}
