//! A message as the deltas that make it again.

use crate::json::Escaped;
use crate::stream::read::Emit;
use crate::stream::{Assembly, Choice, Delta, Part};

/// Emits the deltas of the message: what is known at its start, then its alternatives one after the other.
pub fn replay(message: &Assembly, emit: &mut Emit<'_>) {
    emit(Delta::Start { id: escaped(&message.id), model: escaped(&message.model) });
    if let Some(usage) = message.usage {
        emit(Delta::Usage(usage));
    }
    for (index, choice) in (0u32..).zip(&message.choices) {
        for part in &choice.parts {
            emit_part(index, choice, part, emit);
        }
        if let Some(reason) = choice.finish {
            emit(Delta::Finish { choice: index, reason, raw: escaped(&choice.raw_finish) });
        }
    }
}

fn emit_part(choice: u32, from: &Choice, part: &Part, emit: &mut Emit<'_>) {
    match part {
        Part::Text(text) if !text.is_empty() => emit(Delta::Text { choice, text: escaped(text) }),
        Part::Refusal(text) if !text.is_empty() => emit(Delta::Refusal { choice, text: escaped(text) }),
        Part::Reasoning(text, signature) => {
            if !text.is_empty() {
                emit(Delta::Reasoning { choice, text: escaped(text) });
            }
            if !signature.is_empty() {
                emit(Delta::Signature { choice, text: escaped(signature) });
            }
        }
        Part::Call(number) => {
            let Some(call) = from.calls.get(*number) else { return };
            let number = u32::try_from(*number).unwrap_or(u32::MAX);
            emit(Delta::Call { choice, call: number, id: escaped(&call.id), name: escaped(&call.name) });
            if !call.arguments.is_empty() {
                emit(Delta::Arguments { choice, call: number, fragment: escaped(&call.arguments) });
            }
            if !call.signature.is_empty() {
                emit(Delta::Signature { choice, text: escaped(&call.signature) });
            }
            emit(Delta::CallEnd { choice, call: number });
        }
        Part::Other(raw) => emit(Delta::Other { choice, raw }),
        Part::Text(_) | Part::Refusal(_) => {}
    }
    emit(Delta::Break { choice });
}

fn escaped(bytes: &[u8]) -> Escaped<'_> {
    Escaped::from_checked(bytes)
}
