//! The content blocks of Anthropic messages.

use super::Emit;
use super::compact::write_compact;
use super::strict::strict;
use crate::json::{Bad, Cursor, Escaped, unescape};
use crate::stream::Delta;

/// A block that has begun.
#[derive(Debug)]
pub(super) enum Block {
    /// Text or thoughts: all of it was said as it came.
    Said,
    /// A call, with the input that its start told.
    Call { number: u32, input: Vec<u8>, has_fragments: bool },
    /// Anything else: the start's JSON, and the escaped fragments of its input.
    Other { raw: Vec<u8>, input: Vec<u8> },
}

/// Reads a content block, of a stream's start or of a whole message, and says what it has.
pub(super) fn read_block(raw: &[u8], calls: &mut u32, emit: &mut Emit<'_>) -> Result<Option<Block>, Bad> {
    let (mut kind, mut id, mut name) = (Escaped::default(), Escaped::default(), Escaped::default());
    let (mut text, mut thinking, mut signature) =
        (Escaped::default(), Escaped::default(), Escaped::default());
    let mut input: &[u8] = &[];
    let mut cursor = Cursor::new(raw);
    if raw.is_empty() || !cursor.object()? {
        return Ok(None);
    }
    while let Some(key) = cursor.next_key()? {
        let value = match key {
            b"type" => &mut kind,
            b"id" => &mut id,
            b"name" => &mut name,
            b"text" => &mut text,
            b"thinking" => &mut thinking,
            b"signature" => &mut signature,
            b"input" => {
                input = cursor.skip()?;
                continue;
            }
            _ => {
                cursor.skip()?;
                continue;
            }
        };
        *value = cursor.string()?.unwrap_or_default();
    }
    Ok(Some(match kind.bytes() {
        b"text" => {
            if !text.is_empty() {
                emit(Delta::Text { choice: 0, text });
            }
            Block::Said
        }
        b"thinking" => {
            if !thinking.is_empty() {
                emit(Delta::Reasoning { choice: 0, text: thinking });
            }
            if !signature.is_empty() {
                emit(Delta::Signature { choice: 0, text: signature });
            }
            Block::Said
        }
        b"tool_use" => {
            let number = *calls;
            *calls = calls.saturating_add(1);
            emit(Delta::Call { choice: 0, call: number, id, name });
            Block::Call { number, input: input.to_vec(), has_fragments: false }
        }
        _ => Block::Other { raw: strict(raw)?.to_vec(), input: Vec::new() },
    }))
}

impl Block {
    /// Says what is due when the block ends; a call whose arguments never came has none when the provider says so.
    pub(super) fn stop(self, is_whole: bool, emit: &mut Emit<'_>) {
        match self {
            Block::Said => emit(Delta::Break { choice: 0 }),
            Block::Call { number: call, input, has_fragments } => {
                let is_given = input.starts_with(b"{") && !input.ends_with(b"{}");
                if !has_fragments && (is_given || is_whole) {
                    let mut compact = Vec::new();
                    write_compact(if is_given { &input } else { b"{}" }, &mut compact);
                    emit(Delta::Arguments { choice: 0, call, fragment: Escaped::from_checked(&compact) });
                }
                if is_whole {
                    emit(Delta::CallEnd { choice: 0, call });
                }
            }
            Block::Other { raw, input } => {
                let raw = with_input(&raw, &input).unwrap_or(raw);
                emit(Delta::Other { choice: 0, raw: &raw });
            }
        }
    }
}

/// A block with the input that came in fragments; `None` when none came, or no JSON.
fn with_input(raw: &[u8], fragments: &[u8]) -> Option<Vec<u8>> {
    let mut input = Vec::with_capacity(fragments.len());
    unescape(fragments, &mut input);
    strict(&input).ok()?;
    let mut out = b"{".to_vec();
    let mut member = |key: &[u8], value: &[u8]| {
        if out.len() > 1 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(key);
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value);
    };
    let (mut cursor, mut has_input) = (Cursor::new(raw), false);
    cursor.object().ok()?;
    while let Some(key) = cursor.next_key().ok()? {
        let value = cursor.skip().ok()?;
        has_input |= key == b"input";
        member(key, if key == b"input" { &input } else { value });
    }
    if !has_input {
        member(b"input", &input);
    }
    out.push(b'}');
    Some(out)
}
