//! Tool calls that come in fragments: which call a fragment belongs to, whatever the provider does with its indexes
//! and ids. A new id is a new call.

use super::Emit;
use crate::json::Escaped;
use crate::stream::Delta;
use std::collections::BTreeMap;

/// A fragment of a call; what it does not tell is empty.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fragment<'a> {
    /// The provider's index.
    pub index: Option<u64>,
    /// The call's id.
    pub id: Escaped<'a>,
    /// The tool's name.
    pub name: Escaped<'a>,
    /// A piece of the arguments.
    pub arguments: Escaped<'a>,
}

#[derive(Debug, Default)]
struct Call {
    id: Vec<u8>,
    name: Vec<u8>,
    /// Its number, once it was said.
    number: Option<u32>,
    /// Arguments that came before the name.
    held: Vec<u8>,
}

/// The calls of one choice.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    by_index: BTreeMap<u64, usize>,
    by_id: BTreeMap<Vec<u8>, usize>,
    said: u32,
}

impl Calls {
    /// Adds a fragment; the number of its call, once the call was said.
    pub fn push(&mut self, choice: u32, fragment: Fragment<'_>, emit: &mut Emit<'_>) -> Option<u32> {
        if fragment.id.is_empty() && fragment.name.is_empty() && fragment.arguments.is_empty() {
            return None;
        }
        let at = self.find(&fragment).unwrap_or_else(|| self.add(fragment.index));
        let call = self.calls.get_mut(at)?;
        if call.id.is_empty() && !fragment.id.is_empty() {
            call.id.extend_from_slice(fragment.id.bytes());
            self.by_id.insert(call.id.clone(), at);
        }
        if call.name.is_empty() {
            call.name.extend_from_slice(fragment.name.bytes());
        }
        if call.number.is_none() && !call.name.is_empty() {
            self.said = call.say(choice, self.said, emit);
        }
        match call.number {
            _ if fragment.arguments.is_empty() => {}
            Some(number) => {
                emit(Delta::Arguments { choice, call: number, fragment: fragment.arguments });
            }
            None => call.held.extend_from_slice(fragment.arguments.bytes()),
        }
        call.number
    }

    /// Says the calls whose name never came: nothing that was told is lost.
    pub fn flush(&mut self, choice: u32, emit: &mut Emit<'_>) {
        for call in self.calls.iter_mut().filter(|call| call.number.is_none()) {
            self.said = call.say(choice, self.said, emit);
        }
    }

    /// The call that a fragment goes on with.
    fn find(&self, fragment: &Fragment<'_>) -> Option<usize> {
        let known = self.by_id.get(fragment.id.bytes()).copied().filter(|_| !fragment.id.is_empty());
        let at = match (known, fragment.index) {
            (Some(at), _) => return Some(at),
            (None, Some(index)) => *self.by_index.get(&index)?,
            (None, None) if !fragment.id.is_empty() => return None,
            (None, None) => self.calls.len().checked_sub(1)?,
        };
        let call = self.calls.get(at)?;
        let other =
            |mine: &[u8], new: Escaped<'_>| !mine.is_empty() && !new.is_empty() && mine != new.bytes();
        let another = if fragment.id.is_empty() {
            // without an id a name says whether this is a new call; without an index it always does
            other(&call.name, fragment.name)
                || (fragment.index.is_none() && !fragment.name.is_empty() && !call.name.is_empty())
        } else {
            other(&call.id, fragment.id)
        };
        (!another).then_some(at)
    }

    fn add(&mut self, index: Option<u64>) -> usize {
        let at = self.calls.len();
        self.calls.push(Call::default());
        if let Some(index) = index {
            self.by_index.insert(index, at);
        }
        at
    }
}

impl Call {
    /// Says the call and what was held of it; the number of the next one.
    fn say(&mut self, choice: u32, number: u32, emit: &mut Emit<'_>) -> u32 {
        self.number = Some(number);
        let (id, name) = (Escaped::from_checked(&self.id), Escaped::from_checked(&self.name));
        emit(Delta::Call { choice, call: number, id, name });
        if !self.held.is_empty() {
            let fragment = Escaped::from_checked(&self.held);
            emit(Delta::Arguments { choice, call: number, fragment });
            self.held = Vec::new();
        }
        number.saturating_add(1)
    }
}
