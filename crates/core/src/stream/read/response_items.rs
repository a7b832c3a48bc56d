//! The items of a response's output: messages, thoughts, calls. Each says as it goes, or at its end what it did not.

use super::Emit;
use super::calls::{Calls, Fragment};
use super::compact::read_arguments;
use super::strict::strict;
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::Delta;
use std::collections::{BTreeMap, BTreeSet};

/// Where in the output an event belongs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place<'a> {
    /// The item's id; some providers draw another one for each event.
    pub id: Escaped<'a>,
    /// Its index in the output.
    pub index: Option<u64>,
    /// The content or summary part.
    pub part: u64,
}

#[derive(Debug, Default)]
struct Item {
    /// The content parts that were said, and the summary parts.
    content: BTreeSet<u64>,
    summary: BTreeSet<u64>,
    has_arguments: bool,
    is_done: bool,
}

/// The items so far.
#[derive(Debug, Default)]
pub(super) struct Items {
    items: Vec<Item>,
    by_id: BTreeMap<Vec<u8>, usize>,
    by_index: BTreeMap<u64, usize>,
    calls: Calls,
    said_calls: u32,
    /// Items of earlier responses in the same stream.
    forgotten: u64,
    /// The part that was said last has ended: said only when another one begins, for a signature may follow.
    is_part_over: bool,
}

/// An item as its events hold it.
#[derive(Default)]
struct Said<'a> {
    kind: Escaped<'a>,
    id: Escaped<'a>,
    call_id: Escaped<'a>,
    name: Escaped<'a>,
    arguments: &'a [u8],
    content: &'a [u8],
    summary: &'a [u8],
    encrypted: Escaped<'a>,
}

impl Items {
    /// Whether this response has none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many calls were said.
    pub fn calls(&self) -> u32 {
        self.said_calls
    }

    /// Another response begins in the same stream: its indexes are new.
    pub fn forget(&mut self) {
        self.forgotten = self.forgotten.saturating_add(self.items.len() as u64);
        self.items.clear();
        self.by_id.clear();
        self.by_index.clear();
    }

    /// The part ended.
    pub fn end_part(&mut self) {
        self.is_part_over = true;
    }

    /// Text: a piece, or all of it, which counts only when no piece came.
    pub fn text(&mut self, place: &Place<'_>, text: Escaped<'_>, is_whole: bool, emit: &mut Emit<'_>) {
        if self.is_new(place, text, false, is_whole) {
            self.begin_part(emit);
            emit(Delta::Text { choice: 0, text });
        }
    }

    /// A refusal, likewise.
    pub fn refusal(&mut self, place: &Place<'_>, text: Escaped<'_>, is_whole: bool, emit: &mut Emit<'_>) {
        if self.is_new(place, text, false, is_whole) {
            self.begin_part(emit);
            emit(Delta::Refusal { choice: 0, text });
        }
    }

    /// Thoughts, or their summary, likewise.
    pub fn reasoning(
        &mut self,
        place: &Place<'_>,
        text: Escaped<'_>,
        is_summary: bool,
        is_whole: bool,
        emit: &mut Emit<'_>,
    ) {
        if self.is_new(place, text, is_summary, is_whole) {
            self.begin_part(emit);
            emit(Delta::Reasoning { choice: 0, text });
        }
    }

    /// A piece of a call's arguments.
    pub fn arguments(&mut self, place: &Place<'_>, arguments: Escaped<'_>, emit: &mut Emit<'_>) {
        if arguments.is_empty() {
            return;
        }
        let at = self.at(place);
        if let Some(item) = self.items.get_mut(at) {
            item.has_arguments = true;
        }
        self.call(at, Fragment { arguments, ..Fragment::default() }, emit);
    }

    /// A call's arguments, which count only when no piece came.
    pub fn whole_arguments(&mut self, place: &Place<'_>, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let at = self.at(place);
        if !self.items.get(at).is_some_and(|item| item.has_arguments) {
            let mut scratch = Vec::new();
            let arguments = read_arguments(raw, &mut scratch)?;
            self.arguments(place, arguments, emit);
        }
        Ok(())
    }

    /// An item began.
    pub fn add(&mut self, index: Option<u64>, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let said = Said::read(raw)?;
        let at = self.push(index, said.id);
        if said.kind.is("function_call") {
            // arguments that stand here already come again as pieces or at the end
            self.call(at, Fragment { id: said.call_id(), name: said.name, ..Fragment::default() }, emit);
        }
        Ok(())
    }

    /// An item ended and holds all that it is.
    pub fn done(&mut self, index: Option<u64>, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let said = Said::read(raw)?;
        let known = self.find(&Place { id: said.id, index, part: 0 });
        let open = known.filter(|&at| self.items.get(at).is_some_and(|item| !item.is_done));
        let at = open.unwrap_or_else(|| self.push(index, said.id));
        match said.kind.bytes() {
            b"message" => self.parts(at, said.content, false, emit)?,
            b"reasoning" => {
                self.parts(at, said.summary, true, emit)?;
                self.parts(at, said.content, false, emit)?;
                if !said.encrypted.is_empty() {
                    emit(Delta::Signature { choice: 0, text: said.encrypted });
                }
            }
            b"function_call" => {
                let mut scratch = Vec::new();
                let mut fragment = Fragment { id: said.call_id(), name: said.name, ..Fragment::default() };
                if !self.items.get(at).is_some_and(|item| item.has_arguments) {
                    fragment.arguments = read_arguments(said.arguments, &mut scratch)?;
                }
                if let Some(call) = self.call(at, fragment, emit) {
                    emit(Delta::CallEnd { choice: 0, call });
                }
            }
            _ if raw.first() == Some(&b'{') => emit(Delta::Other { choice: 0, raw: strict(raw)? }),
            _ => {}
        }
        if let Some(item) = self.items.get_mut(at) {
            item.is_done = true;
        }
        self.end_part();
        Ok(())
    }

    /// Says the calls whose name never came.
    pub fn flush(&mut self, emit: &mut Emit<'_>) {
        self.calls.flush(0, emit);
    }

    fn call(&mut self, at: usize, fragment: Fragment<'_>, emit: &mut Emit<'_>) -> Option<u32> {
        let index = self.forgotten.saturating_add(at as u64);
        let call = self.calls.push(0, Fragment { index: Some(index), ..fragment }, emit)?;
        self.said_calls = self.said_calls.max(call.saturating_add(1));
        Some(call)
    }

    fn begin_part(&mut self, emit: &mut Emit<'_>) {
        if std::mem::take(&mut self.is_part_over) {
            emit(Delta::Break { choice: 0 });
        }
    }

    /// Whether this text was not said before; from now on it was.
    fn is_new(&mut self, place: &Place<'_>, text: Escaped<'_>, is_summary: bool, is_whole: bool) -> bool {
        if text.is_empty() {
            return false;
        }
        let at = self.at(place);
        let Some(item) = self.items.get_mut(at) else { return false };
        let said = if is_summary { &mut item.summary } else { &mut item.content };
        said.insert(place.part) || !is_whole
    }

    fn at(&mut self, place: &Place<'_>) -> usize {
        self.find(place).unwrap_or_else(|| self.push(place.index, place.id))
    }

    fn find(&self, place: &Place<'_>) -> Option<usize> {
        let known = self.by_id.get(place.id.bytes()).filter(|_| !place.id.is_empty());
        let known = known.or_else(|| self.by_index.get(&place.index?)).copied();
        let has_place = !place.id.is_empty() || place.index.is_some();
        known.or_else(|| if has_place { None } else { self.items.len().checked_sub(1) })
    }

    fn push(&mut self, index: Option<u64>, id: Escaped<'_>) -> usize {
        let at = self.items.len();
        self.items.push(Item::default());
        if let Some(index) = index {
            self.by_index.insert(index, at);
        }
        if !id.is_empty() {
            self.by_id.insert(id.bytes().to_vec(), at);
        }
        at
    }

    /// Says the parts of an item that were not said as they came.
    fn parts(&mut self, at: usize, raw: &[u8], is_summary: bool, emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut cursor = Cursor::new(raw);
        if raw.is_empty() || !cursor.array()? {
            return Ok(());
        }
        let mut index = 0;
        while cursor.next_element()? {
            let part = cursor.skip()?;
            if let Some(item) = self.items.get_mut(at) {
                let said = if is_summary { &mut item.summary } else { &mut item.content };
                if said.insert(index) {
                    self.part(part, emit)?;
                }
            }
            index += 1;
        }
        Ok(())
    }

    fn part(&mut self, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let (mut kind, mut text) = (Escaped::default(), Escaped::default());
        let mut cursor = Cursor::new(raw);
        if !cursor.object()? {
            return Ok(());
        }
        while let Some(key) = cursor.next_key()? {
            match key {
                b"type" => kind = cursor.string()?.unwrap_or_default(),
                b"text" | b"refusal" => text = cursor.string()?.unwrap_or(text),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        let delta = match kind.bytes() {
            b"output_text" | b"text" => Delta::Text { choice: 0, text },
            b"refusal" => Delta::Refusal { choice: 0, text },
            b"summary_text" | b"reasoning_text" => Delta::Reasoning { choice: 0, text },
            _ => {
                emit(Delta::Other { choice: 0, raw: strict(raw)? });
                return Ok(());
            }
        };
        if !text.is_empty() {
            self.begin_part(emit);
            emit(delta);
            self.end_part();
        }
        Ok(())
    }
}

impl<'a> Said<'a> {
    fn read(raw: &'a [u8]) -> Result<Self, Bad> {
        let (mut said, mut cursor) = (Self::default(), Cursor::new(raw));
        if raw.is_empty() || !cursor.object()? {
            return Ok(said);
        }
        while let Some(key) = cursor.next_key()? {
            match key {
                b"type" => said.kind = cursor.string()?.unwrap_or_default(),
                b"id" => said.id = cursor.string()?.unwrap_or_default(),
                b"call_id" => said.call_id = cursor.string()?.unwrap_or_default(),
                b"name" => said.name = cursor.string()?.unwrap_or_default(),
                b"arguments" => said.arguments = cursor.skip()?,
                b"content" => said.content = cursor.skip()?,
                b"summary" => said.summary = cursor.skip()?,
                b"encrypted_content" => said.encrypted = cursor.string()?.unwrap_or_default(),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(said)
    }

    fn call_id(&self) -> Escaped<'a> {
        if self.call_id.is_empty() { self.id } else { self.call_id }
    }
}
