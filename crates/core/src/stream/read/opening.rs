//! What is told of the message itself: its id and its model, each passed on once.

use super::Emit;
use crate::json::Escaped;
use crate::stream::Delta;

/// Which of a message's id and model were told so far.
#[derive(Debug, Default)]
pub(super) struct Opening {
    id: bool,
    model: bool,
}

impl Opening {
    /// Whether there is nothing left to tell.
    #[inline]
    pub fn is_told(&self) -> bool {
        self.id && self.model
    }

    /// Passes on what was not told before.
    pub fn tell(&mut self, id: Escaped<'_>, model: Escaped<'_>, emit: &mut Emit<'_>) {
        let id = if self.id { Escaped::default() } else { id };
        let model = if self.model { Escaped::default() } else { model };
        if !id.is_empty() || !model.is_empty() {
            self.id |= !id.is_empty();
            self.model |= !model.is_empty();
            emit(Delta::Start { id, model });
        }
    }
}
