//! A plan for building a document's tree in JavaScript a piece at a time: each piece is text for one short
//! `JSON.parse`, or a long string that is decoded here already.

use super::document::{At, Document, Group};
use super::scan::decoded;
use super::text::{Text, unescape};

/// Text that one turn of the event loop parses, about.
pub const SLICE_BYTES: usize = 256 * 1024;
/// Shorter runs cost more to hand over than they save.
const MIN_RUN_BYTES: usize = 4 * 1024;

/// What the shell does with a piece. Numbers cross to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Op {
    /// Parse the text; it is the next element, the member of that key, or the whole.
    Value = 1,
    /// The text is such a value itself: a string.
    String = 2,
    /// Parse the text, an array or object like the one that is open; its elements or members come next.
    Run = 3,
    /// An array opens, as such a value.
    Array = 4,
    /// An object opens, as such a value.
    Object = 5,
    /// What was opened last is complete.
    Close = 6,
}

/// A step of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What to do.
    pub op: Op,
    /// The key under which the value goes into the open object.
    pub key: Option<Text>,
    /// The text, where the step has one.
    pub text: Option<Text>,
}

struct Open {
    group: Group,
    next: usize,
}

/// The plan for a whole document, in pieces of about that many bytes.
pub fn slices(document: &Document, slice_bytes: usize) -> Vec<Piece> {
    let mut plan = Plan { document, slice_bytes, pieces: Vec::new() };
    let mut open = Vec::new();
    open.extend(plan.value(document.root(), None));
    while let Some(top) = open.last_mut() {
        if top.next == top.group.len() {
            plan.pieces.push(Piece { op: Op::Close, key: None, text: None });
            open.pop();
            continue;
        }
        let run = plan.run(&top.group, top.next);
        if run > top.next {
            top.next = run;
            continue;
        }
        let index = top.next;
        top.next += 1;
        let key =
            top.group.object.then(|| Text::of(decoded(document.key_text(&top.group, index)).into_owned()));
        let child = document.child(&top.group, index);
        open.extend(plan.value(child, key));
    }
    plan.pieces
}

struct Plan<'a> {
    document: &'a Document,
    slice_bytes: usize,
    pieces: Vec<Piece>,
}

impl Plan<'_> {
    /// One value: whole when it is short or no object or array; else it opens.
    fn value(&mut self, at: At, key: Option<Text>) -> Option<Open> {
        let range = self.document.range(at);
        let bytes = self.document.text().get(range).unwrap_or_default();
        if bytes.len() > self.slice_bytes {
            if let Some(group) = self.document.group(at) {
                let op = if group.object { Op::Object } else { Op::Array };
                self.pieces.push(Piece { op, key, text: None });
                return Some(Open { group, next: 0 });
            }
            if let [b'"', inside @ .., b'"'] = bytes {
                self.pieces.push(Piece { op: Op::String, key, text: Some(Text::of(unescape(inside))) });
                return None;
            }
        }
        self.pieces.push(Piece { op: Op::Value, key, text: Some(Text::of(bytes.to_vec())) });
        None
    }

    /// As many elements or members as make a slice, from `first` on; returns the number of the next one. A slice ends
    /// where ASCII ends or begins, if that makes it long enough: V8 parses ASCII faster, and keeps it in half the memory.
    fn run(&mut self, group: &Group, first: usize) -> usize {
        let text = self.document.text();
        let start = self.document.span(group, first).start;
        let (mut end, mut next, mut run_is_ascii) = (start, first, true);
        while next < group.len() {
            let span_end = self.document.span(group, next).end;
            if span_end - start > self.slice_bytes {
                break;
            }
            let is_ascii = text.get(end..span_end).unwrap_or_default().is_ascii();
            if is_ascii != run_is_ascii && end - start > MIN_RUN_BYTES {
                break;
            }
            run_is_ascii = if next == first { is_ascii } else { run_is_ascii && is_ascii };
            end = span_end;
            next += 1;
        }
        if next > first {
            let inside = text.get(start..end).unwrap_or_default();
            let (open, close) = if group.object { (b'{', b'}') } else { (b'[', b']') };
            let text = Text::wrapped(open, inside, close);
            self.pieces.push(Piece { op: Op::Run, key: None, text: Some(text) });
        }
        next
    }
}
