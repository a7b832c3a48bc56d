//! Why a message ended, in the words of every dialect.

use crate::json::Escaped;

/// Why a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model was done, or a stop sequence matched.
    Stop,
    /// A token limit was reached.
    Length,
    /// The model wants tools to be called.
    ToolCalls,
    /// The provider withheld content, or the model refused.
    ContentFilter,
    /// The provider failed.
    Error,
}

impl FinishReason {
    /// The name in `AssembledMessage.finishReason`, which is OpenAI chat's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Error => "error",
        }
    }

    /// Reads any dialect's word; one that nobody knows is a plain stop.
    pub fn read(raw: Escaped<'_>) -> Self {
        match raw.bytes() {
            b"length"
            | b"max_tokens"
            | b"MAX_TOKENS"
            | b"max_output_tokens"
            | b"model_context_window_exceeded" => Self::Length,
            b"tool_calls" | b"tool_use" | b"function_call" => Self::ToolCalls,
            b"content_filter"
            | b"refusal"
            | b"SAFETY"
            | b"RECITATION"
            | b"BLOCKLIST"
            | b"PROHIBITED_CONTENT"
            | b"SPII"
            | b"IMAGE_SAFETY"
            | b"LANGUAGE"
            | b"guardrail_intervened"
            | b"content_filtered" => Self::ContentFilter,
            b"error" | b"failed" | b"MALFORMED_FUNCTION_CALL" | b"network_error" => Self::Error,
            _ => Self::Stop,
        }
    }

    /// Claude's `stop_reason`.
    pub fn claude(self) -> &'static str {
        match self {
            Self::Stop | Self::Error => "end_turn",
            Self::Length => "max_tokens",
            Self::ToolCalls => "tool_use",
            Self::ContentFilter => "refusal",
        }
    }

    /// Gemini's `finishReason`, which says STOP beside a call.
    pub fn gemini(self) -> &'static str {
        match self {
            Self::Stop | Self::ToolCalls => "STOP",
            Self::Length => "MAX_TOKENS",
            Self::ContentFilter => "SAFETY",
            Self::Error => "OTHER",
        }
    }

    /// OpenAI chat's `finish_reason`, which has no word for a failure.
    pub fn openai(self) -> &'static str {
        match self {
            Self::Error => "stop",
            other => other.name(),
        }
    }

    /// Ollama's `done_reason`.
    pub fn ollama(self) -> &'static str {
        match self {
            Self::Length => "length",
            _ => "stop",
        }
    }
}
