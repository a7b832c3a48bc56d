//! What files say of other files, so that a crash between two commits is repaired: which of their queues were moved,
//! and what was imported but not yet renamed.

use super::import::Source;
use super::row::{Change, Seq};
use std::path::PathBuf;

const MOVED: &str = "moved ";
const IMPORTED: &str = "imported ";

/// A note that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// Rows of another file's queue up to a number lie here.
    Moved { file: u128, queue: String, up_to: Seq },
    /// Rows of that file lie here.
    Imported(Source),
}
impl Note {
    pub(super) fn read(name: &str, text: &str) -> Option<Self> {
        if let Some(rest) = name.strip_prefix(MOVED) {
            let (file, queue) = rest.split_once(' ')?;
            let file = u128::from_str_radix(file, 16).ok()?;
            return Some(Self::Moved { file, queue: queue.into(), up_to: text.parse().ok()? });
        }
        let path = PathBuf::from(name.strip_prefix(IMPORTED)?);
        Some(Self::Imported(Source { path, mark: text.into() }))
    }
}
/// Notes that a queue of a file was moved.
pub(super) fn moved(file: u128, queue: &str, up_to: Seq) -> Change {
    Change::Note { name: format!("{MOVED}{file:032x} {queue}").into(), text: Some(up_to.to_string().into()) }
}
/// Notes that a file was imported.
pub(super) fn imported(source: &Source) -> Change {
    Change::Note { name: import_name(source).into(), text: Some(source.mark.as_str().into()) }
}
pub(super) fn import_name(source: &Source) -> String {
    format!("{IMPORTED}{}", source.path.display())
}
/// Not any more.
pub(super) fn none(name: &str) -> Change {
    Change::Note { name: name.into(), text: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: Change) -> Option<Note> {
        let Change::Note { name, text } = change else { return None };
        Note::read(&name, &text?)
    }

    #[test]
    fn what_is_noted_is_read() {
        for queue in ["a\u{0}1", "with space \u{0}2", ""] {
            let note = Note::Moved { file: 7 << 100, queue: queue.into(), up_to: 9 };
            assert_eq!(read(moved(7 << 100, queue, 9)), Some(note));
        }
        let source = Source { path: "/a b/queue.json".into(), mark: "12 345".into() };
        assert_eq!(read(imported(&source)), Some(Note::Imported(source)));
        for (name, text) in [("moved x y", "1"), ("moved 1", "1"), ("moved 1 q", "x"), ("other", "1")] {
            assert_eq!(Note::read(name, text), None);
        }
    }
}
