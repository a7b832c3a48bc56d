//! A whole Anthropic message.

use super::super::Emit;
use super::super::claude::Claude;
use super::super::claude_block::read_block;
use super::super::failure::read_failure;
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Delta, FinishReason};

impl Claude {
    /// Says all of a message.
    pub(super) fn whole(&mut self, body: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let (mut stop_reason, mut content, mut error): (_, &[u8], &[u8]) = (Escaped::default(), &[], &[]);
        let mut cursor = Cursor::new(body);
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"stop_reason" => stop_reason = cursor.string()?.unwrap_or_default(),
                b"content" => content = cursor.skip()?,
                b"error" if matches!(cursor.peek(), Some(b'{' | b'"')) => error = cursor.skip()?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        cursor.finish()?;
        if !error.is_empty() {
            emit(Delta::Error(read_failure(error)?));
            return Ok(());
        }
        self.start(body, emit)?;
        self.content(content, emit)?;
        if !stop_reason.is_empty() {
            emit(Delta::Finish { choice: 0, reason: FinishReason::read(stop_reason), raw: stop_reason });
        }
        self.tell_counts(emit);
        Ok(())
    }

    fn content(&mut self, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut cursor = Cursor::new(raw);
        match raw.first() {
            Some(b'"') => {
                if let Some(text) = cursor.string()?.filter(|text| !text.is_empty()) {
                    emit(Delta::Text { choice: 0, text });
                }
            }
            Some(b'[') => {
                cursor.array()?;
                while cursor.next_element()? {
                    if let Some(block) = read_block(cursor.skip()?, self.calls(), emit)? {
                        block.stop(true, emit);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
