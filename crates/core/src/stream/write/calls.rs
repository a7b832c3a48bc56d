//! Which calls of a choice are still open. Not every provider says when the arguments of a call end: where the next
//! part begins behind a whole object, the call before it is taken as ended. Each call is looked at once for that.

use super::{Context, arguments, arguments_of};

/// The calls of one choice, by number.
#[derive(Debug, Default)]
pub struct Calls {
    states: Vec<State>,
    /// How many were said whole, where they are.
    said: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Open, though the next part began.
    Checked,
    Ended,
}

impl Calls {
    /// The next call began.
    pub fn begin(&mut self) {
        self.states.push(State::Open);
    }

    /// How many calls began.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether the call began and did not end.
    pub fn is_open(&self, call: usize) -> bool {
        self.states.get(call).is_some_and(|state| *state != State::Ended)
    }

    /// Ends the call; whether it was open.
    pub fn end(&mut self, call: usize) -> bool {
        let open = self.is_open(call);
        if let Some(state) = self.states.get_mut(call) {
            *state = State::Ended;
        }
        open
    }

    /// Another part begins: ends and returns the last call if its arguments are whole.
    pub fn end_last(&mut self, choice: usize, context: &Context<'_>) -> Option<usize> {
        let last = self.states.len().checked_sub(1)?;
        let state = self.states.last_mut()?;
        if *state != State::Open {
            return None;
        }
        let whole = arguments::is_whole(arguments_of(context, choice, last));
        *state = if whole { State::Ended } else { State::Checked };
        whole.then_some(last)
    }

    /// The next call, in their order, that ended and was not said yet: for dialects that say calls whole.
    pub fn next_whole(&mut self) -> Option<usize> {
        let next = self.said;
        (self.states.get(next) == Some(&State::Ended)).then(|| {
            self.said += 1;
            next
        })
    }
}
