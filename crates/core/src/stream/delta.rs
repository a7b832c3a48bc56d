//! What an event of any provider says, in common terms: the words between readers, assembly and writers.

use super::FinishReason;
use crate::json::Escaped;

/// One event as framing cut it out of the stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct Event<'a> {
    /// The SSE `event` field or the AWS `:event-type`; empty when there is none.
    pub name: &'a [u8],
    /// The payload: valid UTF-8.
    pub data: &'a [u8],
    /// The AWS `:exception-type` (or `:error-code`), empty when the event is none.
    pub exception: &'a [u8],
    /// The SSE last event id.
    pub id: &'a [u8],
    /// The SSE reconnection time in milliseconds, when this event brought one.
    pub retry: Option<u64>,
    /// Where in the stream it starts, in bytes.
    pub offset: u64,
}

/// A step of a message. `choice` is the alternative it belongs to (0 in dialects that have one only); `call` counts
/// the tool calls of a choice from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delta<'a> {
    /// What the provider told of the message's id and model, empty where it did not. Comes before anything else
    /// when it comes; a later one tells what an earlier one did not.
    Start {
        /// The provider's id of the message.
        id: Escaped<'a>,
        /// The model that answers.
        model: Escaped<'a>,
    },
    /// Text of the answer.
    Text {
        /// Which alternative.
        choice: u32,
        /// The piece; never empty.
        text: Escaped<'a>,
    },
    /// Text of a refusal.
    Refusal {
        /// Which alternative.
        choice: u32,
        /// The piece; never empty.
        text: Escaped<'a>,
    },
    /// Text of the model's reasoning.
    Reasoning {
        /// Which alternative.
        choice: u32,
        /// The piece; never empty.
        text: Escaped<'a>,
    },
    /// The signature of the reasoning before it, or of the call before it (Gemini); ends that part.
    Signature {
        /// Which alternative.
        choice: u32,
        /// A piece of the signature.
        text: Escaped<'a>,
    },
    /// The part ended: text that follows belongs to a new one. Only dialects with explicit parts say so.
    Break {
        /// Which alternative.
        choice: u32,
    },
    /// A tool call begins. Said once per call, when its name is known; calls are numbered in this order.
    Call {
        /// Which alternative.
        choice: u32,
        /// Its number.
        call: u32,
        /// The provider's id; never empty behind `Machine`, which draws one where the provider gives none.
        id: Escaped<'a>,
        /// The tool's name.
        name: Escaped<'a>,
    },
    /// A piece of a call's arguments: of their JSON text, as the inside of a string literal.
    Arguments {
        /// Which alternative.
        choice: u32,
        /// The call's number.
        call: u32,
        /// The piece; never empty.
        fragment: Escaped<'a>,
    },
    /// The call's arguments are whole. Optional: a call also ends with the message.
    CallEnd {
        /// Which alternative.
        choice: u32,
        /// The call's number.
        call: u32,
    },
    /// A part that no other delta can say, whole, as the provider's JSON.
    Other {
        /// Which alternative.
        choice: u32,
        /// The JSON value.
        raw: &'a [u8],
    },
    /// A choice ended.
    Finish {
        /// Which alternative.
        choice: u32,
        /// Why, in common terms.
        reason: FinishReason,
        /// Why, in the provider's word; empty when it has none.
        raw: Escaped<'a>,
    },
    /// Token counts so far: a field that is 0 or absent leaves an earlier value alone.
    Usage(Usage),
    /// The provider reported an error.
    Error(Failure<'a>),
    /// The provider said that it is done (`[DONE]`, `message_stop`, `response.completed`, `done: true` …).
    End,
}

/// Token counts. Input counts everything that was read, cached or not; output counts everything that was written,
/// reasoning included, so that dialects that count otherwise are converted by their readers and writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All input tokens, cached ones and ones written to a cache included.
    pub input: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// The provider's total, 0 when it gives none (then input + output).
    pub total: u64,
    /// Input tokens read from a cache.
    pub cached: u64,
    /// Input tokens written to a cache.
    pub cache_creation: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
}
impl Usage {
    /// Takes over what is not 0.
    pub fn merge(&mut self, newer: Usage) {
        for (value, new) in [
            (&mut self.input, newer.input),
            (&mut self.output, newer.output),
            (&mut self.total, newer.total),
            (&mut self.cached, newer.cached),
            (&mut self.cache_creation, newer.cache_creation),
            (&mut self.reasoning, newer.reasoning),
        ] {
            if new != 0 {
                *value = new;
            }
        }
    }
    /// The total, counted when the provider gave none.
    pub fn total(&self) -> u64 {
        if self.total != 0 { self.total } else { self.input.saturating_add(self.output) }
    }
}

/// An error that a provider reported, or that is reported to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failure<'a> {
    /// What it says.
    pub message: Escaped<'a>,
    /// The provider's word for it (`overloaded_error`, `rate_limit_exceeded` …), empty when it has none.
    pub kind: Escaped<'a>,
    /// The HTTP status that goes with it, 0 when unknown.
    pub status: u16,
    /// The provider's own object as JSON, empty when there is none.
    pub raw: &'a [u8],
}

/// Where the ids come from that a provider did not give: the engines draw none themselves.
pub trait Ids {
    /// An id for a message.
    fn message(&mut self) -> String;
    /// An id for a tool call.
    fn call(&mut self) -> String;
}
