use super::{read_all, read_event};
use crate::stream::Event;
use crate::stream::read::Gemini;

fn read(payloads: &[&str]) -> Vec<String> {
    read_all(Gemini::default(), payloads)
}

/// Reads parts of candidate 0, one event each.
fn read_parts(parts: &[&str]) -> Vec<String> {
    let events: Vec<String> = parts
        .iter()
        .map(|part| format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}}}}]}}"#))
        .collect();
    read(&events.iter().map(String::as_str).collect::<Vec<_>>())
}

const EVENTS: [&str; 2] = [
    r#"{"candidates":[{"content":{"parts":[{"thought":true,"text":"hm"},{"text":"Hi"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":16,"cachedContentTokenCount":4,"thoughtsTokenCount":5},"modelVersion":"g","responseId":"r"}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"sig"}]},"finishReason":"MAX_TOKENS"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"totalTokenCount":17}}"#,
];
const TOLD: [&str; 7] = [
    "start r g",
    "reasoning0 hm",
    "text0 Hi",
    "usage in=9 out=7 total=16 cached=4 creation=0 reasoning=5",
    "signature0 sig",
    "finish0 length MAX_TOKENS",
    "usage in=9 out=8 total=17 cached=4 creation=0 reasoning=5",
];

#[test]
fn text_thoughts_signature_finish_and_usage() {
    assert_eq!(read(&EVENTS), TOLD);
}

#[test]
fn the_same_in_an_envelope() {
    let enveloped = EVENTS.map(|event| format!(r#"{{"response":{event},"traceId":"t"}}"#));
    assert_eq!(read(&enveloped.each_ref().map(String::as_str)), TOLD);
}

#[test]
fn parallel_calls_without_ids_end_in_tool_calls() {
    let told = read(&[
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a": [1, "x y"]}},"thoughtSignature":"s"},{"functionCall":{"name":"g"}}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"c3","args":{},"name":"f"}}]},"finishReason":"STOP"}]}"#,
    ]);
    assert_eq!(
        told,
        [
            "call0.0  f",
            r#"arguments0.0 {"a":[1,"x y"]}"#,
            "signature0 s",
            "call0.1  g",
            "arguments0.1 {}",
            "call0.2 c3 f",
            "arguments0.2 {}",
            "finish0 tool_calls STOP"
        ]
    );
}

#[test]
fn calls_in_pieces() {
    let told = read_parts(&[
        r#"{"functionCall":{"name":"f","willContinue":true},"thoughtSignature":"s"}"#,
        r#"{"functionCall":{"partialArgs":[{"jsonPath":"$.id","stringValue":"A","willContinue":true}],"willContinue":true}}"#,
        r#"{"functionCall":{"partialArgs":[{"jsonPath":"$.id","stringValue":"B"}],"willContinue":true}}"#,
        r#"{"functionCall":{}}"#,
        r#"{"functionCall":{"name":"g","partialArgs":[{"jsonPath":"$.n","numberValue":1}],"willContinue":true}}"#,
        r#"{"functionCall":{"name":"h","willContinue":true}}"#,
    ]);
    assert_eq!(
        told,
        [
            "call0.0  f",
            "signature0 s",
            r#"arguments0.0 {"id":"AB"}"#,
            "call0.1  g",
            r#"arguments0.1 {"n":1}"#,
            "call0.2  h",
            "arguments0.2 {}"
        ]
    );
}

#[test]
fn parts_that_only_gemini_knows() {
    let told = read_parts(&[
        r#"{"inlineData":{"mimeType":"image/png","data":"aa"}}"#,
        r#"{"executableCode":{"language":"PYTHON","code":"1"},"thoughtSignature":"s"}"#,
        r#"{"thought":true}"#,
        "{}",
        r#"{"text":7}"#,
    ]);
    assert_eq!(
        told,
        [
            r#"other0 {"inlineData":{"mimeType":"image/png","data":"aa"}}"#,
            r#"other0 {"executableCode":{"language":"PYTHON","code":"1"},"thoughtSignature":"s"}"#
        ]
    );
}

#[test]
fn several_candidates_and_an_end_in_every_event() {
    let told = read(&[
        r#"{"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"},{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},"finishReason":"STOP"},{"index":1,"finishReason":"STOP"}]}"#,
    ]);
    assert_eq!(
        told,
        [
            "text1 b",
            "finish1 stop STOP",
            "text0 a",
            "finish0 stop STOP",
            "call0.0  f",
            "arguments0.0 {}",
            "finish0 tool_calls STOP"
        ]
    );
}

#[test]
fn errors_and_blocked_prompts() {
    assert_eq!(
        read(&[r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#]),
        [r#"error 429 RESOURCE_EXHAUSTED m {"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}"#]
    );
    assert_eq!(
        read(&[r#"{"promptFeedback":{"blockReason":"SAFETY","safetyRatings":[]}}"#]),
        [
            "finish0 content_filter SAFETY",
            r#"error 0 SAFETY SAFETY {"blockReason":"SAFETY","safetyRatings":[]}"#
        ]
    );
    assert!(read(&[r#"{"promptFeedback":{"safetyRatings":[]},"error":null}"#]).is_empty());
}

#[test]
fn wrong_types_are_ignored_and_broken_json_is_bad() {
    let told = read(&[
        r#"{"candidates":7,"usageMetadata":"x","promptFeedback":[],"response":3,"responseId":{}}"#,
        r#"{"candidates":[3,{"content":{"parts":{"text":"x"}}},{"content":[]},{"content":{"parts":[1,null,[]]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":"f"},{"functionCall":{"name":2,"args":3}}]},"finishReason":7}]}"#,
        "ping",
    ]);
    assert!(told.is_empty(), "{told:?}");
    let event = Event { data: br#"{"candidates":[}"#, ..Event::default() };
    assert!(read_event(&mut Gemini::default(), &event).is_err());
}
