//! Events that repeat the one before but for one string. Most of a stream is such events: when the bytes before and
//! behind that string are the same, what the event says is known without another walk through its JSON.

use super::{Delta, Event};
use crate::json::Escaped;

/// The last event, if it said one piece of text and nothing else.
#[derive(Debug, Default)]
pub struct Repeat {
    name: Vec<u8>,
    before: Vec<u8>,
    behind: Vec<u8>,
    said: Option<Said>,
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
        let text = event.data.strip_prefix(self.before.as_slice())?.strip_suffix(self.behind.as_slice())?;
        // an empty slice points nowhere, and memcmp of nothing there costs a microcode assist on some processors
        let same_name = match (event.name, self.name.as_slice()) {
            ([], []) => true,
            ([], _) | (_, []) => false,
            (name, known) => name == known,
        };
        if text.is_empty() || !same_name {
            return None;
        }
        Some(said.with(Escaped::whole(text)?))
    }

    /// Remembers an event that said just this one delta.
    pub fn learn(&mut self, event: &Event<'_>, delta: &Delta<'_>) {
        self.forget();
        let Some((said, text)) = Said::of(delta) else { return };
        // where in the event the text lies, unless the reader made it up elsewhere
        let start = (text.bytes().as_ptr().addr()).wrapping_sub(event.data.as_ptr().addr());
        let end = start.saturating_add(text.bytes().len());
        let (Some(before), Some(behind)) = (event.data.get(..start), event.data.get(end..)) else { return };
        if before.last() != Some(&b'"') || behind.first() != Some(&b'"') {
            return;
        }
        self.name.clear();
        self.name.extend_from_slice(event.name);
        self.before.clear();
        self.before.extend_from_slice(before);
        self.behind.clear();
        self.behind.extend_from_slice(behind);
        self.said = Some(said);
    }

    /// The next event is read in full.
    #[inline]
    pub fn forget(&mut self) {
        self.said = None;
    }
}
