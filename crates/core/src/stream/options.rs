//! What a stream machine is made with.

use super::Format;

/// How a stream is cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramingKind {
    /// Server-sent events.
    Sse,
    /// A JSON text per line.
    Ndjson,
    /// Amazon's `application/vnd.amazon.eventstream`.
    Aws,
}

impl FramingKind {
    /// The kind of that name in JavaScript.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sse" => Self::Sse,
            "ndjson" => Self::Ndjson,
            "aws-eventstream" => Self::Aws,
            _ => return None,
        })
    }

    /// What a format usually has.
    pub fn of(format: Format) -> Self {
        match format {
            Format::Ollama => Self::Ndjson,
            Format::BedrockConverse | Format::Kiro => Self::Aws,
            _ => Self::Sse,
        }
    }

    /// What a stream's first bytes tell; `None` when they are all blank.
    pub fn sniff(chunk: &[u8]) -> Option<Self> {
        match chunk.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))? {
            b'{' => Some(Self::Ndjson),
            0 => Some(Self::Aws),
            _ => Some(Self::Sse),
        }
    }
}

/// Options of a stream machine; the shell has filled every default in.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the provider sends; `None` decides on the first telling event.
    pub from: Option<Format>,
    /// What the client gets; `None` is the same as the provider sends.
    pub to: Option<Format>,
    /// How the provider frames it; `None` is what the format usually has.
    pub framing: Option<FramingKind>,
    /// The model that the client is told; `None` is the provider's.
    pub model: Option<String>,
    /// The id that the client is told; `None` is the provider's, else one that is drawn.
    pub id: Option<String>,
    /// When the message began, for dialects that say so: seconds since 1970.
    pub created_s: u64,
    /// The longest event.
    pub max_event_bytes: usize,
    /// The longest message, and what may be kept for `take_events`.
    pub max_text_bytes: usize,
    /// Keep the provider's events for `take_events`.
    pub keep_upstream: bool,
    /// Keep the client's events for `take_events`.
    pub keep_client: bool,
}
