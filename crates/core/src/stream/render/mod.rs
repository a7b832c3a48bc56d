//! Whole responses: an assembled message as the body, or as the whole stream, that a client's dialect has for it.

mod claude;
mod gemini;
mod ollama;
mod openai_chat;
mod replay;

use super::write::{self, Context, Write, Writer, alternatives, items, items::Status, put_list};
use super::{Assembly, Choice, Failure, FinishReason, Format};
use crate::json::Escaped;

/// What a stream that ends without its end says, as `pipeStream` does.
pub const TRUNCATED: (&str, &str) = ("upstream_truncated", "upstream ended early");

/// The message as a whole response body; `None` for formats that no client speaks. A message that ended in an error
/// is the dialect's error body, and one that is not complete has no finish reason.
pub fn render_whole(format: Format, context: &Context<'_>) -> Option<Vec<u8>> {
    if let Some((_, text)) = &context.message.error {
        let failure = Failure { message: Escaped::from_checked(text), ..Failure::default() };
        return render_error(format, &failure);
    }
    let mut out = Vec::with_capacity(1024);
    match format {
        Format::OpenaiChat => openai_chat::write(context, &mut out),
        Format::OpenaiResponses => {
            let status =
                if is_complete(context.message) { Status::of(context) } else { Status::Incomplete("") };
            items::write_response(status, context, &mut out);
        }
        Format::Claude => claude::write(context, &mut out),
        Format::Gemini => gemini::write(context, &mut out),
        Format::Ollama => ollama::write(context, &mut out),
        Format::BedrockConverse | Format::Kiro => return None,
    }
    Some(out)
}

/// An error as the body that the dialect's clients expect with a failing status.
pub fn render_error(format: Format, failure: &Failure<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(256);
    match format {
        Format::OpenaiChat => write::openai_chat::write_error(failure, &mut out),
        Format::OpenaiResponses => write::openai_responses::write_error(failure, &mut out),
        Format::Claude => write::claude::write_error(failure, &mut out),
        Format::Gemini => write::gemini::write_error(failure, &mut out),
        Format::Ollama => write::ollama::write_error(failure, &mut out),
        Format::BedrockConverse | Format::Kiro => return None,
    }
    Some(out)
}

/// The message as a whole stream; `None` for formats that no client speaks. A message that ended in an error ends
/// in the error frame, and so does one that is not complete.
pub fn render_stream(format: Format, context: &Context<'_>) -> Option<Vec<u8>> {
    let mut writer = Writer::new(format)?;
    let (mut said, mut out) = (Assembly::new(0), Vec::with_capacity(1024));
    replay::replay(context.message, &mut |delta| {
        // without a cap only a hostile number of alternatives is refused, and the message has passed that once
        if said.apply(&delta).is_ok() {
            writer.write(&delta, &context.of(&said), &mut out);
        }
    });
    if let Some((_, text)) = &context.message.error {
        let failure = Failure { message: Escaped::from_checked(text), ..Failure::default() };
        writer.fail(&failure, &context.of(&said), &mut out);
    } else if is_complete(context.message) {
        writer.finish(&context.of(&said), &mut out);
    } else {
        let (kind, text) = TRUNCATED;
        let (kind, message) =
            (Escaped::from_checked(kind.as_bytes()), Escaped::from_checked(text.as_bytes()));
        writer.fail(&Failure { kind, message, ..Failure::default() }, &context.of(&said), &mut out);
    }
    Some(out)
}

/// The provider said that it was done, or why each alternative ended.
pub fn is_complete(message: &Assembly) -> bool {
    let ended = || message.choices.iter().all(|choice| choice.finish.is_some());
    message.error.is_none() && (message.ended || (!message.choices.is_empty() && ended()))
}

/// Why the choice ended, where the message did.
fn finish_reason(choice: &Choice, message: &Assembly) -> Option<FinishReason> {
    (choice.finish.is_some() || message.ended).then(|| write::finish_reason(choice))
}

#[cfg(test)]
mod tests;
