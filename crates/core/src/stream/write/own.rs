//! Parts that only one dialect knows (`Delta::Other`): said again in their own dialect, where it is written after
//! all (from AWS frames, or from a message that was kept), and dropped in any other.

use crate::json::Cursor;

/// Whether the JSON is a content block of Claude's.
pub fn is_claude(raw: &[u8]) -> bool {
    let known: [&[u8]; 5] =
        [b"redacted_thinking", b"server_tool_use", b"mcp_tool_use", b"container_upload", b"compaction"];
    type_of(raw).is_some_and(|kind| known.contains(&kind) || kind.ends_with(b"_tool_result"))
}

/// Whether the JSON is an output item of OpenAI responses.
pub fn is_openai_responses(raw: &[u8]) -> bool {
    let known: [&[u8]; 3] = [b"mcp_list_tools", b"mcp_approval_request", b"tool_search_output"];
    type_of(raw).is_some_and(|kind| {
        known.contains(&kind) || kind.ends_with(b"_call") || kind.ends_with(b"_call_output")
    })
}

/// Whether the JSON is a part of Gemini's.
pub fn is_gemini(raw: &[u8]) -> bool {
    let known: [&[u8]; 4] = [b"inlineData", b"fileData", b"executableCode", b"codeExecutionResult"];
    find(raw, |key, _| known.contains(&key).then_some(())).is_some()
}

fn type_of(raw: &[u8]) -> Option<&[u8]> {
    find(raw, |key, value| (key == b"type").then_some(value)?.strip_prefix(b"\"")?.strip_suffix(b"\""))
}

/// What `pick` takes of an object's members, given key and value.
fn find<'a, T>(raw: &'a [u8], pick: impl Fn(&'a [u8], &'a [u8]) -> Option<T>) -> Option<T> {
    let mut cursor = Cursor::new(raw);
    if cursor.peek() != Some(b'{') || !cursor.object().ok()? {
        return None;
    }
    while let Some(key) = cursor.next_key().ok()? {
        let value = cursor.skip().ok()?;
        if let Some(found) = pick(key, value) {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_knows_its_own_and_no_other() {
        let claude: [&[u8]; 2] =
            [br#"{"type":"redacted_thinking","data":"x"}"#, br#"{"id":1,"type":"web_search_tool_result"}"#];
        let responses: [&[u8]; 2] = [br#"{"type":"web_search_call"}"#, br#"{"type":"mcp_list_tools"}"#];
        let gemini: [&[u8]; 2] = [br#"{"inlineData":{}}"#, br#"{"thought":true,"executableCode":{}}"#];
        let nobody: [&[u8]; 4] = [br#"{"type":"image_url"}"#, b"{}", b"5", br#"{"type":5"#];
        for (raw, own) in [
            (claude.as_slice(), [true, false, false]),
            (&responses, [false, true, false]),
            (&gemini, [false, false, true]),
            (&nobody, [false; 3]),
        ] {
            for raw in raw {
                assert_eq!([is_claude(raw), is_openai_responses(raw), is_gemini(raw)], own);
            }
        }
    }
}
