use super::{line, read_all, read_event};
use crate::stream::Event;
use crate::stream::read::{BedrockConverse, Read};

const EVENTS: &[(&str, &str)] = &[
    ("messageStart", r#"{"role":"assistant","p":"ab"}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}},"p":"a"}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"sig"}}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
    ("contentBlockDelta", r#"{"delta":{"text":"Hi"},"contentBlockIndex":1}"#),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":2,"delta":{"reasoningContent":{"redactedContent":"eA=="}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
    ("contentBlockStart", r#"{"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"toolUse":{"input":""}}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"toolUse":{"input":"{\"a\":1}"}}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":3}"#),
    ("contentBlockStart", r#"{"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"u","name":"g"}}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":4}"#),
    ("messageStop", r#"{"stopReason":"tool_use"}"#),
    (
        "metadata",
        r#"{"usage":{"inputTokens":5,"outputTokens":6,"totalTokens":18,"cacheReadInputTokens":4,"cacheWriteInputTokens":3},"metrics":{"latencyMs":1}}"#,
    ),
];
const TOLD: &[&str] = &[
    "reasoning0 hm",
    "signature0 sig",
    "break0",
    "text0 Hi",
    r#"other0 {"redactedContent":"eA=="}"#,
    "break0",
    "call0.0 t f",
    r#"arguments0.0 {"a":1}"#,
    "callend0.0",
    "call0.1 u g",
    "arguments0.1 {}",
    "callend0.1",
    "finish0 tool_calls tool_use",
    "usage in=12 out=6 total=18 cached=4 creation=3 reasoning=0",
    "end",
];

fn read_frames(frames: &[(&str, &str)]) -> Vec<String> {
    let (mut reader, mut told) = (BedrockConverse::default(), Vec::new());
    for (name, data) in frames {
        let event = Event { name: name.as_bytes(), data: data.as_bytes(), ..Event::default() };
        told.extend(read_event(&mut reader, &event).unwrap());
    }
    reader.finish(&mut |delta| told.push(line(&delta)));
    told
}

#[test]
fn a_message_in_frames_and_as_sdks_yield_it() {
    assert_eq!(read_frames(EVENTS), TOLD);
    let wrapped: Vec<String> = EVENTS.iter().map(|(name, data)| format!(r#"{{"{name}":{data}}}"#)).collect();
    let wrapped: Vec<&str> = wrapped.iter().map(String::as_str).collect();
    assert_eq!(read_all(BedrockConverse::default(), &wrapped), TOLD);
}

#[test]
fn the_end_needs_the_stop_but_no_counts() {
    assert_eq!(
        read_frames(&[("messageStop", r#"{"stopReason":"max_tokens"}"#)]),
        ["finish0 length max_tokens", "end"]
    );
    let counts = ("metadata", r#"{"usage":{"inputTokens":1}}"#);
    let told = "usage in=1 out=0 total=0 cached=0 creation=0 reasoning=0";
    assert_eq!(read_frames(&[counts]), [told]);
    let stop = ("messageStop", r#"{"stopReason":"end_turn"}"#);
    assert_eq!(read_frames(&[counts, stop]), [told, "finish0 stop end_turn", "end"]);
}

#[test]
fn exceptions() {
    let event = Event {
        exception: b"modelStreamErrorException",
        data: br#"{"message":"m","originalStatusCode":500}"#,
        ..Event::default()
    };
    assert_eq!(
        read_event(&mut BedrockConverse::default(), &event).unwrap(),
        [r#"error 0 modelStreamErrorException m {"message":"m","originalStatusCode":500}"#]
    );
    let event = Event { exception: b"quo\"te", data: b"not JSON", ..Event::default() };
    assert_eq!(read_event(&mut BedrockConverse::default(), &event).unwrap(), ["error 0   "]);
    assert_eq!(
        read_all(BedrockConverse::default(), &[r#"{"throttlingException":{"message":"m"}}"#]),
        [r#"error 0 throttlingException m {"message":"m"}"#]
    );
}

#[test]
fn wrong_types_are_ignored_and_broken_json_is_bad() {
    let told = read_frames(&[
        ("contentBlockStart", r#"{"start":{"toolUse":7},"contentBlockIndex":"x"}"#),
        ("contentBlockDelta", r#"{"delta":{"toolUse":{"input":"x"},"text":1,"reasoningContent":[]}}"#),
        ("contentBlockDelta", r#"{"delta":[]}"#),
        ("contentBlockDelta", "[]"),
        ("unknown", "{}"),
        ("metadata", ""),
    ]);
    assert!(told.is_empty(), "{told:?}");
    let event = Event { name: b"messageStop", data: br#"{"stopReason":"x"]"#, ..Event::default() };
    assert!(read_event(&mut BedrockConverse::default(), &event).is_err());
}
