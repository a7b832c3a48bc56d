//! Token counts in the words of each dialect.

use crate::stream::Usage;

/// `{"prompt_tokens":…}`. Tokens written to a cache are said only when there are any: most clients do not know them.
pub fn write_openai_chat(usage: &Usage, out: &mut Vec<u8>) {
    let text = format!(
        "{{\"prompt_tokens\":{},\"completion_tokens\":{},\"total_tokens\":{},\
         \"prompt_tokens_details\":{{\"cached_tokens\":{}{}}},\
         \"completion_tokens_details\":{{\"reasoning_tokens\":{}}}}}",
        usage.input,
        usage.output,
        usage.total(),
        usage.cached,
        cache_write(usage),
        usage.reasoning,
    );
    out.extend_from_slice(text.as_bytes());
}

fn cache_write(usage: &Usage) -> String {
    match usage.cache_creation {
        0 => String::new(),
        tokens => format!(",\"cache_write_tokens\":{tokens}"),
    }
}

/// `{"input_tokens":…}`, whose input counts neither what was read from a cache nor what was written to one.
pub fn write_claude(usage: &Usage, out: &mut Vec<u8>) {
    let input = usage.input.saturating_sub(usage.cached).saturating_sub(usage.cache_creation);
    let text = format!(
        "{{\"input_tokens\":{input},\"cache_creation_input_tokens\":{},\"cache_read_input_tokens\":{},\
         \"output_tokens\":{}",
        usage.cache_creation, usage.cached, usage.output,
    );
    out.extend_from_slice(text.as_bytes());
    if usage.reasoning != 0 {
        let details = format!(",\"output_tokens_details\":{{\"thinking_tokens\":{}}}", usage.reasoning);
        out.extend_from_slice(details.as_bytes());
    }
    out.push(b'}');
}

/// `{"promptTokenCount":…}`, whose candidates count no thoughts.
pub fn write_gemini(usage: &Usage, out: &mut Vec<u8>) {
    let text = format!(
        "{{\"promptTokenCount\":{},\"candidatesTokenCount\":{},\"totalTokenCount\":{}",
        usage.input,
        usage.output.saturating_sub(usage.reasoning),
        usage.total(),
    );
    out.extend_from_slice(text.as_bytes());
    for (name, tokens) in [("cachedContentTokenCount", usage.cached), ("thoughtsTokenCount", usage.reasoning)]
    {
        if tokens != 0 {
            out.extend_from_slice(format!(",\"{name}\":{tokens}").as_bytes());
        }
    }
    out.push(b'}');
}

/// `{"input_tokens":…}` as OpenAI responses counts: everything that was read and written.
pub fn write_openai_responses(usage: &Usage, out: &mut Vec<u8>) {
    let text = format!(
        "{{\"input_tokens\":{},\"input_tokens_details\":{{\"cached_tokens\":{}{}}},\"output_tokens\":{},\
         \"output_tokens_details\":{{\"reasoning_tokens\":{}}},\"total_tokens\":{}}}",
        usage.input,
        usage.cached,
        cache_write(usage),
        usage.output,
        usage.reasoning,
        usage.total(),
    );
    out.extend_from_slice(text.as_bytes());
}
