//! What the target cannot say is an error, or dropped.

use super::model::{At, Call, Message, Part, Request, Role};
use crate::error::{Error, Kind};
use crate::stream::Format;
use serde_json::{Map, Number, Value};

/// The dialect that is written.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The dialect.
    pub format: Format,
    /// Drop what it cannot say.
    pub lossy: bool,
}

impl Target {
    /// The dialect cannot say this: an error, or, when lossy, nothing.
    pub fn cannot_say(&self, what: &str, pointer: &str) -> Result<(), Error> {
        if self.lossy {
            return Ok(());
        }
        Err(Error::new(Kind::Unsupported)
            .with("dialect", self.format.name())
            .with("what", what.chars().take(100).collect::<String>()) // part of it may be the source's
            .with("pointer", pointer))
    }
    /// The dialect has no such field. A penalty of 0 is none.
    pub fn no_number(&self, what: &str, number: &Option<At<Number>>) -> Result<(), Error> {
        match number {
            Some(at) if !(what.ends_with("penalty") && at.value.as_f64() == Some(0.0)) => {
                self.cannot_say(what, &at.pointer)
            }
            _ => Ok(()),
        }
    }
    /// The dialect answers once only.
    pub fn one_choice(&self, request: &Request) -> Result<(), Error> {
        match &request.choices {
            Some(at) if at.value > 1 => self.cannot_say("several choices", &at.pointer),
            _ => Ok(()),
        }
    }
    /// The dialect cannot forbid parallel calls.
    pub fn parallel_calls(&self, request: &Request) -> Result<(), Error> {
        match &request.parallel_calls {
            Some(at) if !at.value && !request.tools.is_empty() => {
                self.cannot_say("one tool call at a time", &at.pointer)
            }
            _ => Ok(()),
        }
    }
    /// A call's arguments as the object that most dialects want.
    pub fn arguments(&self, call: &Call, pointer: &str) -> Result<Value, Error> {
        if call.arguments.trim().is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        match serde_json::from_str(&call.arguments) {
            Ok(object @ Value::Object(_)) => Ok(object),
            _ => {
                self.cannot_say("tool arguments that are not a JSON object", pointer)?;
                Ok(Value::Object(Map::new()))
            }
        }
    }
    /// The texts among parts that may hold nothing else.
    pub fn texts<'a>(&self, parts: &'a [At<Part>], place: &str) -> Result<Vec<&'a str>, Error> {
        let mut texts = Vec::new();
        for part in parts {
            match &part.value {
                Part::Text(text) | Part::Refusal(text) => texts.push(text.as_str()),
                Part::Media(_) => self.cannot_say(&format!("media in {place}"), &part.pointer)?,
                _ => self.cannot_say(&format!("this in {place}"), &part.pointer)?,
            }
        }
        Ok(texts)
    }
    /// The system prompts' texts, for dialects that have one place for all.
    pub fn system<'a>(&self, request: &'a Request) -> Result<Vec<&'a str>, Error> {
        let mut texts = Vec::new();
        for message in request.messages.iter().filter(|message| message.role.is_system()) {
            texts.extend(
                self.texts(&message.parts, "a system prompt")?.into_iter().filter(|text| !text.is_empty()),
            );
        }
        Ok(texts)
    }
}

/// Where a dialect has one string, several texts are parted by a blank line.
pub fn joined(texts: &[&str]) -> String {
    texts.join("\n\n")
}

/// A turn: neighbouring messages of one side, for dialects in which the sides alternate.
pub struct Turn<'a> {
    /// Whose it is: `User` or `Assistant`.
    pub role: Role,
    /// Its parts, tool results first.
    pub parts: Vec<&'a At<Part>>,
}

/// The conversation without system prompts, in turns. A conversation of nothing but system prompts has one turn: they
/// are what the user asks.
pub fn turns(messages: &[Message]) -> Vec<Turn<'_>> {
    let only_system = messages.iter().all(|message| message.role.is_system());
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for message in messages.iter().filter(|message| only_system || !message.role.is_system()) {
        let role = if only_system { Role::User } else { message.role };
        match turns.last_mut() {
            Some(turn) if turn.role == role => turn.parts.extend(&message.parts),
            _ => turns.push(Turn { role, parts: message.parts.iter().collect() }),
        }
    }
    for turn in &mut turns {
        turn.parts.sort_by_key(|part| !matches!(part.value, Part::Result(_)));
    }
    turns
}

/// Puts a member in, when there is a value.
pub fn put(out: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        out.insert(name.to_owned(), value.into());
    }
}
/// Puts a number in as it was written.
pub fn put_number(out: &mut Map<String, Value>, name: &str, number: &Option<At<Number>>) {
    put(out, name, number.as_ref().map(|at| Value::Number(at.value.clone())));
}
