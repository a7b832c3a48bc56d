//! Changes to a text: values replaced, added and removed by pointer, all in one copy, everything else untouched.

use super::document::{At, Document, Group};
use super::pointer::Pointer;
use super::scan::decoded;
use super::text::write_literal;
use crate::error::Error;
use std::collections::BTreeMap;
use std::ops::Range;

/// What to do with the value at a pointer.
#[derive(Debug, Clone)]
pub struct Change {
    /// Where. A last token `-` appends to an array.
    pub pointer: Pointer,
    /// The new value's text; `None` removes.
    pub value: Option<Vec<u8>>,
}

/// Bytes to leave out and what comes in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub range: Range<usize>,
    pub with: Vec<u8>,
}

/// Edits, ordered and apart from each other, carried out in one copy.
pub(super) fn apply(text: &[u8], edits: Vec<Edit>) -> Vec<u8> {
    let added: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let removed: usize = edits.iter().map(|edit| edit.range.len()).sum();
    let mut out = Vec::with_capacity((text.len() + added).saturating_sub(removed));
    let mut at = 0;
    for edit in edits {
        out.extend_from_slice(text.get(at..edit.range.start).unwrap_or_default());
        out.extend_from_slice(&edit.with);
        at = edit.range.end;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    out
}

/// Of removals, those that no other one contains, in order.
pub(super) fn outermost(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.range.end)));
    let mut end = 0;
    edits.retain(|edit| {
        let apart = edit.range.start >= end;
        end = end.max(edit.range.end);
        apart
    });
    edits
}

/// The edits that take elements or members (by number, ascending) out of a list, with the commas that fall away.
pub(super) fn remove(spans: &[Range<usize>], doomed: &[usize], edits: &mut Vec<Edit>) {
    let mut doomed = doomed.iter().copied().peekable();
    while let Some(first) = doomed.next() {
        let mut last = first;
        while doomed.peek() == Some(&(last + 1)) {
            last += 1;
            doomed.next();
        }
        let end = spans.get(last).map_or(0, |span| span.end);
        let before = first.checked_sub(1).and_then(|index| spans.get(index));
        let range = match (before, spans.get(last + 1)) {
            (Some(before), _) => before.end..end,
            (None, Some(after)) => spans.get(first).map_or(0, |span| span.start)..after.start,
            (None, None) => spans.get(first).map_or(0, |span| span.start)..end,
        };
        edits.push(Edit { range, with: Vec::new() });
    }
}

/// What happens to one object or array.
#[derive(Default)]
struct Rework {
    doomed: Vec<usize>,
    added: Vec<Vec<u8>>,
}

impl Document {
    /// The text with the changes made. A value is replaced, or added to the object that its pointer names; a removed
    /// one that is not there is no error. Errors: a pointer whose object or array is not there, an index beyond the
    /// end, the root removed, two changes of which one lies inside the other.
    pub fn with(&self, changes: &[Change]) -> Result<Vec<u8>, Error> {
        let mut edits = Vec::new();
        let mut reworks: BTreeMap<usize, (At, Rework)> = BTreeMap::new();
        for change in changes {
            let Some((last, parents)) = change.pointer.tokens().split_last() else {
                let value = change
                    .value
                    .clone()
                    .ok_or_else(|| change.pointer.nowhere("not the root when removing"))?;
                edits.push(Edit { range: self.range(self.root()), with: value });
                continue;
            };
            let parent = self.resolve(parents).and_then(|at| Some((at, self.group(at)?)));
            let Some((at, group)) = parent else {
                if change.value.is_none() {
                    continue;
                }
                return Err(change.pointer.nowhere("a pointer into an object or array of the document"));
            };
            let place = self.resolve(change.pointer.tokens());
            let rework =
                &mut reworks.entry(self.range(at).start).or_insert_with(|| (at, Rework::default())).1;
            match (&change.value, place) {
                (Some(value), Some(place)) => {
                    edits.push(Edit { range: self.range(place), with: value.clone() })
                }
                (Some(value), None) if group.object => {
                    let mut member = Vec::with_capacity(last.len() + value.len() + 3);
                    write_literal(last, &mut member);
                    member.push(b':');
                    member.extend_from_slice(value);
                    rework.added.push(member);
                }
                (Some(value), None) if last == b"-" => rework.added.push(value.clone()),
                (Some(_), None) => {
                    return Err(change.pointer.nowhere("an index of the array, or \"-\" to append"));
                }
                (None, Some(_)) => rework.doomed.extend(self.all_of(at, &group, last)),
                (None, None) => {}
            }
        }
        for (at, rework) in reworks.into_values() {
            self.rework(at, rework, &mut edits);
        }
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let overlap = edits.windows(2).find(|pair| matches!(pair, [a, b] if b.range.start < a.range.end));
        match overlap.and_then(|_| changes.first()) {
            Some(change) => {
                Err(change.pointer.nowhere("apart from the other changes: one lies inside another"))
            }
            None => Ok(apply(self.text(), edits)),
        }
    }

    /// The element of that index, or every member of that key.
    fn all_of(&self, at: At, group: &Group, token: &[u8]) -> Vec<usize> {
        if group.object {
            // equal keys are rare: the last one's number tells whether to look for more
            let last = self.member(at, group, token).map_or(0, |last| last + 1);
            (0..last).filter(|&member| decoded(self.key_text(group, member)) == token).collect()
        } else {
            super::pointer::index(token).into_iter().collect()
        }
    }

    fn rework(&self, at: At, mut rework: Rework, edits: &mut Vec<Edit>) {
        let Some(group) = self.group(at) else { return };
        let spans: Vec<_> = (0..group.len()).map(|index| self.span(&group, index)).collect();
        rework.doomed.sort_unstable();
        remove(&spans, &rework.doomed, edits);
        if rework.added.is_empty() {
            return;
        }
        let kept = (0..spans.len()).rev().find(|index| rework.doomed.binary_search(index).is_err());
        let kept = kept.and_then(|index| spans.get(index));
        let place = kept.map_or(self.range(at).start + 1, |span| span.end);
        let mut with = rework.added.join(&b',');
        if kept.is_some() {
            with.insert(0, b',');
        }
        edits.push(Edit { range: place..place, with });
    }
}
