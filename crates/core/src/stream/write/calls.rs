//! Which calls of a choice are still open. Not every provider says when the arguments of a call end: where the next
//! part begins behind a whole object, the call before it is taken as ended. Each call is looked at once for that.

use super::{Context, arguments, arguments_of};

/// The calls of one choice, by number.
#[derive(Debug, Default)]
pub struct Calls(Vec<State>);

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
        self.0.push(State::Open);
    }

    /// How many calls began.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the call began and did not end.
    pub fn is_open(&self, call: usize) -> bool {
        self.0.get(call).is_some_and(|state| *state != State::Ended)
    }

    /// Ends the call; whether it was open.
    pub fn end(&mut self, call: usize) -> bool {
        let open = self.is_open(call);
        if let Some(state) = self.0.get_mut(call) {
            *state = State::Ended;
        }
        open
    }

    /// Another part begins: ends and returns the last call if its arguments are whole.
    pub fn end_last(&mut self, choice: usize, context: &Context<'_>) -> Option<usize> {
        let last = self.0.len().checked_sub(1)?;
        let state = self.0.last_mut()?;
        if *state != State::Open {
            return None;
        }
        let whole = arguments::is_whole(arguments_of(context, choice, last));
        *state = if whole { State::Ended } else { State::Checked };
        whole.then_some(last)
    }
}
