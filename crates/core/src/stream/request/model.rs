//! A request as all dialects mean it. Each value remembers where the source body has it, so that an error can say so.

use serde_json::{Map, Number, Value};

/// A value and the RFC 6901 pointer to it in the source body.
#[derive(Debug, Clone, PartialEq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it was.
    pub pointer: String,
}
impl<T> At<T> {
    /// A value found at a place.
    pub fn new(value: T, pointer: impl Into<String>) -> Self {
        Self { value, pointer: pointer.into() }
    }
}

/// Who speaks. Tool results are parts of the user's messages, as Claude and Gemini have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The operator, in the older word.
    System,
    /// The operator, in OpenAI's newer word.
    Developer,
    /// The user, and tools.
    User,
    /// The model.
    Assistant,
}
impl Role {
    /// Whether the operator speaks.
    pub fn is_system(self) -> bool {
        matches!(self, Role::System | Role::Developer)
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<At<Part>>,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text.
    Text(String),
    /// The model's refusal.
    Refusal(String),
    /// An image, sound, video or document.
    Media(Media),
    /// What the model thought.
    Thought(Thought),
    /// The model calls a tool.
    Call(Call),
    /// A tool answers.
    Result(ToolResult),
}

/// What kind of content media are, which decides the part that a dialect has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A document.
    File,
}

/// Where media are.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Base64 text.
    Base64(String),
    /// An address that anybody may fetch.
    Url(String),
    /// The name of a file in OpenAI's store.
    OpenaiFile(String),
    /// The name of a file in a store that no other dialect can name.
    Stored,
}

/// An image, sound, video or document.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// Its kind.
    pub kind: MediaKind,
    /// Its media type, when known.
    pub mime: Option<String>,
    /// Where it is.
    pub source: Source,
    /// A file's name.
    pub name: Option<String>,
    /// OpenAI's level of detail.
    pub detail: Option<String>,
}

/// What the model thought, and the provider's proof of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Thought {
    /// The text, possibly empty beside a signature.
    pub text: String,
    /// The provider's signature or encrypted form.
    pub signature: Option<String>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its id; Gemini and Ollama may have none.
    pub id: Option<String>,
    /// The tool.
    pub name: String,
    /// JSON text.
    pub arguments: String,
    /// Gemini signs calls.
    pub signature: Option<String>,
}

/// A tool's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The id of the call that it answers.
    pub id: Option<String>,
    /// The tool's name.
    pub name: Option<String>,
    /// Text and media.
    pub content: Vec<At<Part>>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON schema of its arguments.
    pub parameters: Option<Value>,
    /// Whether arguments must follow the schema exactly.
    pub strict: Option<bool>,
}

/// Whether and which tools must be called.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None may be called.
    None,
    /// Some tool must be called.
    Required,
    /// This one must be called.
    Named(String),
    /// Only these may be called.
    Allowed {
        /// Their names.
        names: Vec<String>,
        /// One of them must be.
        required: bool,
    },
}

/// The form of the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseFormat {
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// The schema's name.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Value,
        /// Whether it must be followed exactly.
        strict: Option<bool>,
    },
}

/// How much the model may think.
#[derive(Debug, Clone, PartialEq)]
pub enum Depth {
    /// Not at all.
    Disabled,
    /// As it likes.
    Auto,
    /// In OpenAI's words: minimal, low, medium, high, xhigh, max.
    Effort(String),
    /// In tokens.
    Budget(u64),
}

/// Reasoning settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Reasoning {
    /// How much, when said.
    pub depth: Option<Depth>,
    /// Whether the client wants to see it, when said.
    pub visible: Option<bool>,
}

/// A request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The model.
    pub model: Option<String>,
    /// The conversation, system prompts included, in order.
    pub messages: Vec<Message>,
    /// The tools.
    pub tools: Vec<At<Tool>>,
    /// Tool choice.
    pub tool_choice: Option<At<ToolChoice>>,
    /// Whether several tools may be called at once.
    pub parallel_calls: Option<At<bool>>,
    /// The answer's form.
    pub format: Option<At<ResponseFormat>>,
    /// Sampling temperature.
    pub temperature: Option<At<Number>>,
    /// Nucleus sampling.
    pub top_p: Option<At<Number>>,
    /// Sampling from the k likeliest.
    pub top_k: Option<At<Number>>,
    /// Random seed.
    pub seed: Option<At<Number>>,
    /// Penalty on tokens that occurred.
    pub presence_penalty: Option<At<Number>>,
    /// Penalty on tokens by how often they occurred.
    pub frequency_penalty: Option<At<Number>>,
    /// Stop sequences.
    pub stop: Option<At<Vec<String>>>,
    /// Limit of the answer in tokens.
    pub max_tokens: Option<At<u64>>,
    /// Reasoning.
    pub reasoning: Option<At<Reasoning>>,
    /// How many alternatives.
    pub choices: Option<At<u64>>,
    /// Log probabilities, and of how many tokens beside the chosen one.
    pub logprobs: Option<At<Option<u64>>>,
    /// The end user, for abuse detection.
    pub user: Option<String>,
    /// Whether to stream.
    pub stream: Option<bool>,
    /// Fields that both OpenAI dialects have and no other, by their chat name: hints.
    pub openai: Map<String, Value>,
    /// What the source says and no other dialect can: its words and places.
    pub foreign: Vec<At<String>>,
}
