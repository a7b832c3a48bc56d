//! Fields of chat chunks that have a structure of their own.

use super::Emit;
use super::calls::Fragment;
use super::counts::{Counts, read_count};
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Delta, Usage};

/// Reads a `function`: its name; the raw value of its arguments.
pub(super) fn read_function<'a>(
    cursor: &mut Cursor<'a>,
    fragment: &mut Fragment<'a>,
) -> Result<&'a [u8], Bad> {
    let mut arguments: &[u8] = &[];
    if cursor.object()? {
        while let Some(key) = cursor.next_key()? {
            match key {
                b"name" => fragment.name = cursor.string()?.unwrap_or_default(),
                b"arguments" => arguments = cursor.skip()?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
    }
    Ok(arguments)
}

/// OpenRouter's account of the thoughts. Their text only counts when no other field told it.
pub(super) fn read_details(raw: &[u8], choice: u32, with_text: bool, emit: &mut Emit<'_>) -> Result<(), Bad> {
    let mut cursor = Cursor::new(raw);
    if raw.first() != Some(&b'[') || !cursor.array()? {
        return Ok(());
    }
    while cursor.next_element()? {
        if !cursor.object()? {
            continue;
        }
        let (mut text, mut signature) = (Escaped::default(), Escaped::default());
        while let Some(key) = cursor.next_key()? {
            match key {
                b"text" | b"summary" => text = cursor.string()?.unwrap_or(text),
                b"signature" => signature = cursor.string()?.unwrap_or_default(),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        if with_text && !text.is_empty() {
            emit(Delta::Reasoning { choice, text });
        }
        if !signature.is_empty() {
            emit(Delta::Signature { choice, text: signature });
        }
    }
    Ok(())
}

/// The thoughts of a `thinking` part: a string, or text parts.
pub(super) fn read_thinking(raw: &[u8], choice: u32, emit: &mut Emit<'_>) -> Result<(), Bad> {
    let mut cursor = Cursor::new(raw);
    let mut say = |text: Escaped<'_>| {
        if !text.is_empty() {
            emit(Delta::Reasoning { choice, text });
        }
    };
    match raw.first() {
        Some(b'"') => say(cursor.string()?.unwrap_or_default()),
        Some(b'[') => {
            cursor.array()?;
            while cursor.next_element()? {
                if !cursor.object()? {
                    continue;
                }
                while let Some(key) = cursor.next_key()? {
                    match key {
                        b"text" => say(cursor.string()?.unwrap_or_default()),
                        _ => {
                            cursor.skip()?;
                        }
                    }
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// xAI leaves reasoning out of `completion_tokens`, which its total shows.
pub(super) fn with_reasoning(usage: Usage) -> Usage {
    let apart = usage.input.saturating_add(usage.output).saturating_add(usage.reasoning);
    let is_left_out = usage.reasoning > 0 && usage.total == apart;
    let output = if is_left_out { usage.output.saturating_add(usage.reasoning) } else { usage.output };
    Usage { output, ..usage }
}

pub(super) fn read_usage(cursor: &mut Cursor<'_>, counts: &mut Counts) -> Result<(), Bad> {
    if !cursor.object()? {
        return Ok(());
    }
    let usage = counts.given();
    while let Some(key) = cursor.next_key()? {
        match key {
            b"prompt_tokens" => read_count(cursor, &mut usage.input)?,
            b"completion_tokens" => read_count(cursor, &mut usage.output)?,
            b"total_tokens" => read_count(cursor, &mut usage.total)?,
            b"prompt_tokens_details" | b"completion_tokens_details" => read_count_details(cursor, usage)?,
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}

fn read_count_details(cursor: &mut Cursor<'_>, usage: &mut Usage) -> Result<(), Bad> {
    if !cursor.object()? {
        return Ok(());
    }
    while let Some(key) = cursor.next_key()? {
        match key {
            b"cached_tokens" => read_count(cursor, &mut usage.cached)?,
            b"cache_write_tokens" => read_count(cursor, &mut usage.cache_creation)?,
            b"reasoning_tokens" => read_count(cursor, &mut usage.reasoning)?,
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}
