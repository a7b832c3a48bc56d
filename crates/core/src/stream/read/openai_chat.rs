//! OpenAI chat completions, and the many that speak it in their own way. The hot path: one walk over each chunk.

use super::calls::{Calls, Fragment};
use super::chat_fields::{read_details, read_function, read_thinking, read_usage, with_reasoning};
use super::compact::read_arguments;
use super::counts::Counts;
use super::failure::read_failure;
use super::opening::Opening;
use super::strict::strict;
use super::think::{Think, Voice};
use super::{Emit, MAX_CHOICES, Read};
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Delta, Event, FinishReason};

/// Reads `chat.completion.chunk` events; whole `chat.completion` objects too, whose message stands where a chunk has
/// its delta.
#[derive(Debug, Default)]
pub struct OpenaiChat {
    opening: Opening,
    choices: Vec<Choice>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Choice {
    think: Think,
    calls: Calls,
    /// A delta said something: a `message` that comes as well repeats it.
    has_spoken: bool,
    /// What was said of the end.
    finish: Vec<u8>,
}

/// What a chunk holds of one choice.
#[derive(Default)]
struct Said<'a> {
    /// A string, or an array of parts.
    content: &'a [u8],
    text: Escaped<'a>,
    /// Thoughts by the names that providers give them, the first that says something counts.
    thoughts: [Escaped<'a>; 4],
    thought_details: &'a [u8],
    refusal: Escaped<'a>,
    tool_calls: &'a [u8],
    function_call: &'a [u8],
}

impl Read for OpenaiChat {
    fn read(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut cursor = Cursor::new(event.data);
        match cursor.peek() {
            Some(b'{') => {}
            Some(b'[') if event.data.trim_ascii() == b"[DONE]" => {
                self.flush(emit);
                emit(Delta::End);
                return Ok(());
            }
            Some(b'[') => {
                cursor.skip()?;
                return cursor.finish();
            }
            _ => return Ok(()),
        }
        if !self.opening.is_told() {
            self.open(event.data, emit)?;
        }
        cursor.object()?;
        let (mut error, mut is_error, mut has_choices) = (None, false, false);
        while let Some(key) = cursor.next_key()? {
            match key {
                b"choices" if cursor.array()? => {
                    has_choices = true;
                    let mut position = 0;
                    while cursor.next_element()? {
                        self.choice(&mut cursor, position, emit)?;
                        position += 1;
                    }
                }
                b"choices" => {}
                b"usage" => read_usage(&mut cursor, &mut self.counts)?,
                b"error" => error = Some(cursor.skip()?).filter(|raw| *raw != b"null"),
                b"object" => is_error = cursor.skip()? == b"\"error\"",
                _ => {
                    cursor.skip()?;
                }
            }
        }
        cursor.finish()?;
        self.counts.tell_as(with_reasoning, emit);
        if error.is_none() && !has_choices && (is_error || event.name == b"error") {
            error = Some(event.data.trim_ascii());
        }
        if let Some(raw) = error {
            self.flush(emit);
            emit(Delta::Error(read_failure(raw)?));
        }
        Ok(())
    }

    fn finish(&mut self, emit: &mut Emit<'_>) {
        self.flush(emit);
    }

    fn is_steady(&self) -> bool {
        self.choices.iter().all(|choice| choice.think.is_over())
    }
}

impl OpenaiChat {
    /// Tells id and model before anything else, wherever in the chunk they stand.
    fn open(&mut self, data: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let (mut id, mut model) = (Escaped::default(), Escaped::default());
        let mut cursor = Cursor::new(data);
        cursor.object()?;
        while let Some(key) = cursor.next_key()? {
            match key {
                b"id" => id = cursor.string()?.unwrap_or_default(),
                b"model" => model = cursor.string()?.unwrap_or_default(),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        self.opening.tell(id, model, emit);
        Ok(())
    }

    /// Emits what providers that end without a word leave behind.
    fn flush(&mut self, emit: &mut Emit<'_>) {
        for (index, choice) in self.choices.iter_mut().enumerate() {
            choice.flush(index as u32, emit);
        }
    }

    #[inline]
    fn choice(&mut self, cursor: &mut Cursor<'_>, position: u64, emit: &mut Emit<'_>) -> Result<(), Bad> {
        if !cursor.object()? {
            return Ok(());
        }
        let (mut index, mut finish) = (position, Escaped::default());
        let (mut said, mut message) = (Said::default(), None);
        while let Some(key) = cursor.next_key()? {
            match key {
                b"delta" => said.read(cursor)?,
                b"index" => index = cursor.whole()?.unwrap_or(position),
                b"finish_reason" => finish = cursor.string()?.unwrap_or_default(),
                b"message" => message = Some(cursor.skip()?),
                // Moonshot counts here
                b"usage" => read_usage(cursor, &mut self.counts)?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        if index >= MAX_CHOICES {
            // the assembly refuses such a choice
            emit(Delta::Break { choice: number });
            return Ok(());
        }
        if self.choices.len() as u64 <= index {
            self.choices.resize_with(index as usize + 1, Choice::default);
        }
        let Some(choice) = self.choices.get_mut(index as usize) else { return Ok(()) };
        if said.has_any() {
            choice.has_spoken = true;
        } else if let Some(message) = message.filter(|_| !choice.has_spoken) {
            said.read(&mut Cursor::new(message))?;
        }
        choice.say(number, &said, emit)?;
        if !finish.is_empty() && choice.finish != finish.bytes() {
            choice.finish = finish.bytes().to_vec();
            choice.flush(number, emit);
            emit(Delta::Finish { choice: number, reason: FinishReason::read(finish), raw: finish });
        }
        Ok(())
    }
}

impl<'a> Said<'a> {
    /// Reads a `delta` or a `message`.
    #[inline]
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Bad> {
        if !cursor.object()? {
            return Ok(());
        }
        while let Some(key) = cursor.next_key()? {
            match key {
                b"content" if cursor.peek() == Some(b'[') => self.content = cursor.skip()?,
                b"content" => self.text = cursor.string()?.unwrap_or_default(),
                b"reasoning_content" => self.thought(0, cursor)?,
                b"reasoning" => self.thought(1, cursor)?,
                b"reasoning_text" => self.thought(2, cursor)?,
                b"thinking" => self.thought(3, cursor)?,
                b"reasoning_details" => self.thought_details = cursor.skip()?,
                b"refusal" => self.refusal = cursor.string()?.unwrap_or_default(),
                b"tool_calls" => self.tool_calls = cursor.skip()?,
                b"function_call" => self.function_call = cursor.skip()?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(())
    }

    fn thought(&mut self, name: usize, cursor: &mut Cursor<'a>) -> Result<(), Bad> {
        if let (Some(text), Some(thought)) = (cursor.string()?, self.thoughts.get_mut(name)) {
            *thought = text;
        }
        Ok(())
    }

    fn has_any(&self) -> bool {
        !self.text.is_empty()
            || !self.refusal.is_empty()
            || self.thoughts.iter().any(|thought| !thought.is_empty())
            || [self.content, self.thought_details, self.tool_calls, self.function_call]
                .iter()
                .any(|raw| matches!(raw.first(), Some(b'[' | b'{')))
    }
}

impl Choice {
    fn say(&mut self, choice: u32, said: &Said<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        if let Some(&text) = said.thoughts.iter().find(|text| !text.is_empty()) {
            self.interrupt(choice, emit);
            self.think.stop();
            emit(Delta::Reasoning { choice, text });
            // the details may still have the signature
            read_details(said.thought_details, choice, false, emit)?;
        } else if !said.thought_details.is_empty() {
            read_details(said.thought_details, choice, true, emit)?;
        }
        self.text(choice, said.text, emit);
        if !said.content.is_empty() {
            self.parts(choice, said.content, emit)?;
        }
        if !said.refusal.is_empty() {
            self.interrupt(choice, emit);
            emit(Delta::Refusal { choice, text: said.refusal });
        }
        if !said.tool_calls.is_empty() {
            let mut cursor = Cursor::new(said.tool_calls);
            if cursor.array()? {
                while cursor.next_element()? {
                    self.call(choice, &mut cursor, emit)?;
                }
            }
        }
        if !said.function_call.is_empty() {
            // there is one at most, and it has neither index nor id
            let mut fragment = Fragment { index: Some(u64::MAX), ..Fragment::default() };
            let (mut scratch, mut cursor) = (Vec::new(), Cursor::new(said.function_call));
            let arguments = read_function(&mut cursor, &mut fragment)?;
            let fragment = Fragment { arguments: read_arguments(arguments, &mut scratch)?, ..fragment };
            if !fragment.name.is_empty() || !fragment.arguments.is_empty() {
                self.interrupt(choice, emit);
                self.calls.push(choice, fragment, emit);
            }
        }
        Ok(())
    }

    /// What is no text comes: text that was held back for a tag goes before it.
    fn interrupt(&mut self, choice: u32, emit: &mut Emit<'_>) {
        self.think.interrupt(&mut |voice, text| say_voice(choice, voice, text, emit));
    }

    #[inline]
    fn text(&mut self, choice: u32, text: Escaped<'_>, emit: &mut Emit<'_>) {
        if text.is_empty() {
        } else if self.think.is_over() {
            emit(Delta::Text { choice, text });
        } else {
            self.think.push(text, &mut |voice, text| say_voice(choice, voice, text, emit));
        }
    }

    /// Content in parts, as Mistral's reasoning models stream it.
    fn parts(&mut self, choice: u32, raw: &[u8], emit: &mut Emit<'_>) -> Result<(), Bad> {
        let mut cursor = Cursor::new(raw);
        cursor.array()?;
        while cursor.next_element()? {
            let part = cursor.skip()?;
            let (mut kind, mut text, mut refusal) =
                (Escaped::default(), Escaped::default(), Escaped::default());
            let mut thinking: &[u8] = &[];
            let mut inner = Cursor::new(part);
            if !inner.object()? {
                continue;
            }
            while let Some(key) = inner.next_key()? {
                match key {
                    b"type" => kind = inner.string()?.unwrap_or_default(),
                    b"text" => text = inner.string()?.unwrap_or_default(),
                    b"refusal" => refusal = inner.string()?.unwrap_or_default(),
                    b"thinking" => thinking = inner.skip()?,
                    _ => {
                        inner.skip()?;
                    }
                }
            }
            match kind.bytes() {
                b"text" | b"output_text" | b"" => self.text(choice, text, emit),
                b"refusal" if !refusal.is_empty() => emit(Delta::Refusal { choice, text: refusal }),
                b"refusal" => {}
                b"thinking" => {
                    self.interrupt(choice, emit);
                    self.think.stop();
                    read_thinking(thinking, choice, emit)?;
                }
                _ => emit(Delta::Other { choice, raw: strict(part)? }),
            }
        }
        Ok(())
    }

    fn call(&mut self, choice: u32, cursor: &mut Cursor<'_>, emit: &mut Emit<'_>) -> Result<(), Bad> {
        if !cursor.object()? {
            return Ok(());
        }
        let (mut fragment, mut arguments): (_, &[u8]) = (Fragment::default(), &[]);
        while let Some(key) = cursor.next_key()? {
            match key {
                b"index" => fragment.index = cursor.whole()?,
                b"id" => fragment.id = cursor.string()?.unwrap_or_default(),
                b"function" => arguments = read_function(cursor, &mut fragment)?,
                _ => {
                    cursor.skip()?;
                }
            }
        }
        let mut scratch = Vec::new();
        let fragment = Fragment { arguments: read_arguments(arguments, &mut scratch)?, ..fragment };
        self.interrupt(choice, emit);
        self.calls.push(choice, fragment, emit);
        Ok(())
    }

    fn flush(&mut self, choice: u32, emit: &mut Emit<'_>) {
        self.think.flush(&mut |voice, text| say_voice(choice, voice, text, emit));
        self.calls.flush(choice, emit);
    }
}

fn say_voice(choice: u32, voice: Voice, text: Escaped<'_>, emit: &mut Emit<'_>) {
    emit(match voice {
        Voice::Text => Delta::Text { choice, text },
        Voice::Reasoning => Delta::Reasoning { choice, text },
    });
}
