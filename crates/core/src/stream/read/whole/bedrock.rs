//! A whole answer of Amazon Bedrock converse.

use super::super::Emit;
use super::super::bedrock::{BedrockConverse, Call};
use super::super::compact::read_arguments;
use super::super::failure::read_failure;
use super::super::strict::strict;
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Delta, FinishReason};

impl BedrockConverse {
    /// Says all of an answer.
    pub(super) fn whole(&mut self, body: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let (mut output, mut stop_reason): (&[u8], _) = (&[], Escaped::default());
        let mut has_message = false;
        let mut cursor = Cursor::new(body);
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"output" => output = cursor.skip()?,
                b"stopReason" => stop_reason = cursor.string()?.unwrap_or_default(),
                b"usage" => self.count(&mut cursor)?,
                key => {
                    has_message |= matches!(key, b"message" | b"Message");
                    cursor.skip()?;
                }
            }
        }
        cursor.finish()?;
        if output.is_empty() && stop_reason.is_empty() && has_message {
            emit(Delta::Error(read_failure(body.trim_ascii())?));
            return Ok(());
        }
        let message = member(output, b"message")?;
        let content = member(message, b"content")?;
        let mut cursor = Cursor::new(content);
        if content.first() == Some(&b'[') && cursor.array()? {
            while cursor.next_element()? {
                self.block(cursor.skip()?, emit)?;
            }
        }
        if !stop_reason.is_empty() {
            emit(Delta::Finish { choice: 0, reason: FinishReason::read(stop_reason), raw: stop_reason });
        }
        self.tell_counts(emit);
        Ok(())
    }

    fn block(&mut self, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut cursor = Cursor::new(raw);
        if !cursor.object()? {
            return Ok(());
        }
        while let Some(key) = cursor.next_key()? {
            match key {
                b"text" => {
                    if let Some(text) = cursor.string()?.filter(|text| !text.is_empty()) {
                        emit(Delta::Text { choice: 0, text });
                        emit(Delta::Break { choice: 0 });
                    }
                }
                b"toolUse" if cursor.peek() == Some(b'{') => {
                    let mut call = Call::default();
                    call.read(&mut cursor)?;
                    self.whole_call(&call, emit)?;
                }
                b"reasoningContent" => {
                    let reasoning = cursor.skip()?;
                    let text = member(reasoning, b"reasoningText")?;
                    if text.is_empty() {
                        emit(Delta::Other { choice: 0, raw: strict(reasoning)? });
                        continue;
                    }
                    for (name, is_text) in [(&b"text"[..], true), (b"signature", false)] {
                        let value = member(text, name)?;
                        let text = if value.is_empty() { None } else { Cursor::new(value).string()? };
                        if let Some(text) = text.filter(|text| !text.is_empty()) {
                            emit(if is_text {
                                Delta::Reasoning { choice: 0, text }
                            } else {
                                Delta::Signature { choice: 0, text }
                            });
                        }
                    }
                    emit(Delta::Break { choice: 0 });
                }
                _ => {
                    cursor.skip()?;
                    emit(Delta::Other { choice: 0, raw: strict(raw)? });
                }
            }
        }
        Ok(())
    }

    fn whole_call(&mut self, call: &Call<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        let (mut scratch, number) = (Vec::new(), self.next_call());
        emit(Delta::Call { choice: 0, call: number, id: call.id, name: call.name });
        let mut fragment = read_arguments(call.input, &mut scratch)?;
        if fragment.is_empty() {
            fragment = Escaped::from_checked(b"{}");
        }
        emit(Delta::Arguments { choice: 0, call: number, fragment });
        emit(Delta::CallEnd { choice: 0, call: number });
        Ok(())
    }
}

/// A member of an object; nothing when it is none, or has no such member.
fn member<'a>(raw: &'a [u8], name: &[u8]) -> Result<&'a [u8], Bad> {
    let (mut found, mut cursor): (&[u8], _) = (&[], Cursor::new(raw));
    if raw.first() == Some(&b'{') && cursor.object()? {
        while let Some(key) = cursor.next_key()? {
            let value = cursor.skip()?;
            if key == name {
                found = value;
            }
        }
    }
    Ok(found)
}
