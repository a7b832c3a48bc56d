//! The assembled message: what all deltas so far add up to. Text stays escaped, appended once, decoded by its reader.

use super::{Delta, FinishReason, Usage};
use crate::body::is_json;
use crate::error::{Error, Kind};
use crate::json::Escaped;

/// A tool call. All text is escaped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Call {
    /// Its id.
    pub id: Vec<u8>,
    /// The tool's name.
    pub name: Vec<u8>,
    /// The JSON text of its arguments, as the inside of a string literal.
    pub arguments: Vec<u8>,
    /// Gemini signs calls.
    pub signature: Vec<u8>,
}

/// A part of a message, in the order they came. All text is escaped, but for `Other`.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text of the answer.
    Text(Vec<u8>),
    /// Text of a refusal.
    Refusal(Vec<u8>),
    /// Reasoning and its signature, which may be empty.
    Reasoning(Vec<u8>, Vec<u8>),
    /// A call, by its number in `Choice::calls`.
    Call(usize),
    /// Anything else: a JSON value.
    Other(Vec<u8>),
}

/// One alternative of a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// Its parts.
    pub parts: Vec<Part>,
    /// Its tool calls.
    pub calls: Vec<Call>,
    /// Why it ended, once it has.
    pub finish: Option<FinishReason>,
    /// The provider's word for it, escaped.
    pub raw_finish: Vec<u8>,
    /// The last part is whole: text that follows begins a new one.
    broken: bool,
}

/// What a stream, or a whole response, said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assembly {
    /// The provider's id, escaped; empty when unknown.
    pub id: Vec<u8>,
    /// The model, escaped; empty when unknown.
    pub model: Vec<u8>,
    /// The alternatives, by index. Most messages have one.
    pub choices: Vec<Choice>,
    /// Token counts, once told.
    pub usage: Option<Usage>,
    /// The provider's error as the JSON of `err.provider`, and its message, escaped.
    pub error: Option<(Vec<u8>, Vec<u8>)>,
    /// The provider said that it was done.
    pub ended: bool,
    /// Events that were read.
    pub events: u64,
    /// Bytes of text held, against the cap.
    pub(super) held: usize,
    /// The cap; 0 is none.
    max_bytes: usize,
}

/// No provider offers as many alternatives; a hostile index must not make us allocate.
pub(super) const MAX_CHOICES: usize = 1024;

impl Assembly {
    /// An empty message that may hold so many bytes of text, reasoning and arguments.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, ..Self::default() }
    }

    /// The first alternative, which is the message for most readers.
    pub fn first(&self) -> Option<&Choice> {
        self.choices.first()
    }

    /// Adds what a delta says. Fails when the message outgrows its cap.
    pub fn apply(&mut self, delta: &Delta<'_>) -> Result<(), Error> {
        match *delta {
            Delta::Start { id, model } => {
                if self.id.is_empty() {
                    self.id.extend_from_slice(id.bytes());
                }
                if self.model.is_empty() {
                    self.model.extend_from_slice(model.bytes());
                }
            }
            Delta::Text { choice, text } => {
                self.hold(text)?;
                let choice = self.choice(choice)?;
                match choice.parts.last_mut() {
                    Some(Part::Text(held)) if !choice.broken => held.extend_from_slice(text.bytes()),
                    _ => choice.push(Part::Text(text.bytes().to_vec())),
                }
            }
            Delta::Refusal { choice, text } => {
                self.hold(text)?;
                let choice = self.choice(choice)?;
                match choice.parts.last_mut() {
                    Some(Part::Refusal(held)) if !choice.broken => held.extend_from_slice(text.bytes()),
                    _ => choice.push(Part::Refusal(text.bytes().to_vec())),
                }
            }
            Delta::Reasoning { choice, text } => {
                self.hold(text)?;
                let choice = self.choice(choice)?;
                match choice.parts.last_mut() {
                    Some(Part::Reasoning(held, signature)) if !choice.broken && signature.is_empty() => {
                        held.extend_from_slice(text.bytes());
                    }
                    _ => choice.push(Part::Reasoning(text.bytes().to_vec(), Vec::new())),
                }
            }
            Delta::Signature { choice, text } => {
                self.hold(text)?;
                let choice = self.choice(choice)?;
                match choice.parts.last_mut() {
                    Some(Part::Reasoning(_, held)) if !choice.broken => held.extend_from_slice(text.bytes()),
                    Some(Part::Call(call)) => {
                        if let Some(call) = choice.calls.get_mut(*call) {
                            call.signature.extend_from_slice(text.bytes());
                        }
                    }
                    _ => choice.push(Part::Reasoning(Vec::new(), text.bytes().to_vec())),
                }
            }
            Delta::Break { choice } => self.choice(choice)?.broken = true,
            Delta::Call { choice, id, name, .. } => {
                self.hold(id)?;
                self.hold(name)?;
                let choice = self.choice(choice)?;
                choice.push(Part::Call(choice.calls.len()));
                choice.calls.push(Call {
                    id: id.bytes().to_vec(),
                    name: name.bytes().to_vec(),
                    ..Call::default()
                });
            }
            Delta::Arguments { choice, call, fragment } => {
                self.hold(fragment)?;
                if let Some(call) = self.choice(choice)?.calls.get_mut(call as usize) {
                    call.arguments.extend_from_slice(fragment.bytes());
                }
            }
            Delta::CallEnd { .. } => {}
            // a reader that skipped it knows no more than where it ends; the message must be JSON
            Delta::Other { raw, .. } if !is_json(raw) => {}
            Delta::Other { choice, raw } => {
                self.hold(Escaped::from_checked(raw))?;
                self.choice(choice)?.push(Part::Other(raw.to_vec()));
            }
            Delta::Finish { choice, reason, raw } => {
                let choice = self.choice(choice)?;
                choice.finish = Some(reason);
                choice.raw_finish = raw.bytes().to_vec();
            }
            Delta::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
            Delta::Error(failure) => {
                let mut provider = failure.raw.to_vec();
                if !is_json(&provider) {
                    provider = b"null".to_vec();
                }
                self.error = Some((provider, failure.message.bytes().to_vec()));
            }
            Delta::End => self.ended = true,
        }
        Ok(())
    }

    fn choice(&mut self, index: u32) -> Result<&mut Choice, Error> {
        let index = index as usize;
        if index < MAX_CHOICES && self.choices.len() <= index {
            self.choices.resize_with(index + 1, Choice::default);
        }
        self.choices.get_mut(index).ok_or_else(|| {
            Error::new(Kind::StreamFrame)
                .with("offset", 0u64)
                .with("detail", format!("choice {index} is beyond {MAX_CHOICES}"))
        })
    }

    fn hold(&mut self, text: Escaped<'_>) -> Result<(), Error> {
        self.held += text.bytes().len();
        if self.max_bytes != 0 && self.held > self.max_bytes {
            return Err(Error::new(Kind::StreamFrame)
                .with("offset", 0u64)
                .with("detail", format!("the assembled message is larger than {} bytes", self.max_bytes)));
        }
        Ok(())
    }
}

impl Choice {
    fn push(&mut self, part: Part) {
        self.parts.push(part);
        self.broken = false;
    }

    /// All text of the answer, escaped.
    pub fn text(&self) -> Vec<u8> {
        self.joined(|part| if let Part::Text(text) = part { Some(text) } else { None })
    }

    /// All reasoning, escaped.
    pub fn reasoning(&self) -> Vec<u8> {
        self.joined(|part| if let Part::Reasoning(text, _) = part { Some(text) } else { None })
    }

    /// All text of refusals, escaped.
    pub fn refusal(&self) -> Vec<u8> {
        self.joined(|part| if let Part::Refusal(text) = part { Some(text) } else { None })
    }

    fn joined(&self, pick: impl Fn(&Part) -> Option<&Vec<u8>>) -> Vec<u8> {
        let mut out = Vec::new();
        for text in self.parts.iter().filter_map(pick) {
            out.extend_from_slice(text);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Failure;

    #[test]
    fn what_was_skipped_and_is_not_json_is_left_out_of_the_message() {
        let mut assembly = Assembly::new(1000);
        assembly.apply(&Delta::Other { choice: 0, raw: br#"{"kept":1}"# }).unwrap();
        assembly.apply(&Delta::Other { choice: 0, raw: br#"{"a"z1}"# }).unwrap();
        let message = Escaped::from_checked(b"down");
        assembly
            .apply(&Delta::Error(Failure { raw: b"{\"a\":\"\x01\"}", message, ..Failure::default() }))
            .unwrap();
        let message: serde_json::Value = serde_json::from_slice(&assembly.to_json(false)).unwrap();
        assert_eq!(message["parts"], serde_json::json!([{"type": "other", "raw": {"kept": 1}}]));
        assert_eq!(message["error"]["provider"], serde_json::Value::Null);
    }
}
