//! Events that repeat the one before but for one text, and for what no reader reads. Most of a stream is such
//! events: when the bytes between are the same, what the event says is known without another walk through its JSON.

use super::{Delta, Event};
use crate::json::{Cursor, Escaped};
use memchr::memmem;

/// Members that change from event to event and that no reader looks at: a count, paddings, a time.
const UNREAD: [&[u8]; 4] = [b"\"sequence_number\":", b"\"obfuscation\":", b"\"p\":", b"\"created_at\":"];

/// The last event, if it said one piece of text and nothing else.
#[derive(Debug, Default)]
pub struct Repeat {
    name: Vec<u8>,
    /// The bytes between the holes, one behind the other.
    literals: Vec<u8>,
    holes: Vec<Hole>,
    said: Option<Said>,
}

/// What may differ.
#[derive(Debug, Clone, Copy)]
struct Hole {
    /// Where in `literals` the bytes before it end.
    end: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// The inside of the literal that is said.
    Text,
    /// The inside of a literal that is not read.
    String,
    /// Digits that are not read.
    Number,
}

/// The delta that it said, without its text.
#[derive(Debug, Clone, Copy)]
enum Said {
    Text { choice: u32 },
    Reasoning { choice: u32 },
    Arguments { choice: u32, call: u32 },
}

impl Said {
    fn of<'a>(delta: &Delta<'a>) -> Option<(Self, Escaped<'a>)> {
        match *delta {
            Delta::Text { choice, text } => Some((Self::Text { choice }, text)),
            Delta::Reasoning { choice, text } => Some((Self::Reasoning { choice }, text)),
            Delta::Arguments { choice, call, fragment } => Some((Self::Arguments { choice, call }, fragment)),
            _ => None,
        }
    }

    fn with(self, text: Escaped<'_>) -> Delta<'_> {
        match self {
            Self::Text { choice } => Delta::Text { choice, text },
            Self::Reasoning { choice } => Delta::Reasoning { choice, text },
            Self::Arguments { choice, call } => Delta::Arguments { choice, call, fragment: text },
        }
    }
}

impl Repeat {
    /// What the event says, if it repeats the last one.
    #[inline]
    pub fn hit<'a>(&self, event: &Event<'a>) -> Option<Delta<'a>> {
        let said = self.said?;
        let (mut rest, mut at, mut said_text) = (event.data, 0, Escaped::default());
        for hole in &self.holes {
            rest = rest.strip_prefix(self.literals.get(at..hole.end)?)?;
            at = hole.end;
            if hole.kind == Kind::Number {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                rest = rest.get(digits.max(1)..)?;
                continue;
            }
            let (text, behind) = Escaped::take(rest)?;
            rest = behind;
            if hole.kind == Kind::Text {
                said_text = text;
            }
        }
        if said_text.is_empty() || Some(rest) != self.literals.get(at..) {
            return None;
        }
        // an empty slice points nowhere, and memcmp of nothing there costs a microcode assist on some processors
        let same_name = match (event.name, self.name.as_slice()) {
            ([], []) => true,
            ([], _) | (_, []) => false,
            (name, known) => name == known,
        };
        same_name.then(|| said.with(said_text))
    }

    /// Remembers an event that said just this one delta.
    pub fn learn(&mut self, event: &Event<'_>, delta: &Delta<'_>) {
        self.forget();
        let Some((said, text)) = Said::of(delta) else { return };
        // where in the event the text lies, unless the reader made it up elsewhere
        let start = text.bytes().as_ptr().addr().wrapping_sub(event.data.as_ptr().addr());
        let end = start.saturating_add(text.bytes().len());
        if event.data.get(end) != Some(&b'"') || start == 0 || event.data.get(start - 1) != Some(&b'"') {
            return;
        }
        let mut spans = [(start, end, Kind::Text); UNREAD.len() + 1];
        let mut count = 1;

        for key in UNREAD {
            if let Some(span) = unread(event.data, key)
                && (span.1 < start || span.0 > end)
                && let Some(place) = spans.get_mut(count)
            {
                *place = span;
                count += 1;
            }
        }
        let spans = spans.get_mut(..count).unwrap_or_default();
        spans.sort_unstable_by_key(|span| span.0);
        self.name.clear();
        self.name.extend_from_slice(event.name);
        self.literals.clear();
        self.holes.clear();
        let mut at = 0;
        for &mut (from, to, kind) in spans {
            self.literals.extend_from_slice(event.data.get(at..from).unwrap_or_default());
            self.holes.push(Hole { end: self.literals.len(), kind });
            at = to;
        }
        self.literals.extend_from_slice(event.data.get(at..).unwrap_or_default());
        self.said = Some(said);
    }

    /// The next event is read in full.
    #[inline]
    pub fn forget(&mut self) {
        self.said = None;
    }
}

/// Where the value of a member is that nobody reads: a string's inside, or digits.
fn unread(data: &[u8], key: &[u8]) -> Option<(usize, usize, Kind)> {
    let start = memmem::find(data, key)? + key.len();
    let value = Cursor::new(data.get(start..)?).skip().ok()?;
    match value {
        [b'"', inside @ .., b'"'] if data.get(start) == Some(&b'"') => {
            Some((start + 1, start + 1 + inside.len(), Kind::String))
        }
        [b'0'..=b'9', ..] if value.iter().all(u8::is_ascii_digit) && data.get(start) == value.first() => {
            Some((start, start + value.len(), Kind::Number))
        }
        _ => None,
    }
}
