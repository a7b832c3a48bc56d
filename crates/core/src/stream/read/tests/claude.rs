use super::{read_all, read_event};
use crate::stream::Event;
use crate::stream::read::Claude;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn read(payloads: &[&str]) -> Vec<String> {
    read_all(Claude::default(), payloads)
}

const WHOLE: &[&str] = &[
    r#"{"type":"message_start","message":{"id":"m1","type":"message","model":"c","usage":{"input_tokens":10,"cache_read_input_tokens":3,"cache_creation_input_tokens":4,"output_tokens":1}}}"#,
    r#"{"type":"ping"}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
    r#"{"index":1,"delta":{"text":"Hi","type":"text_delta"},"type":"content_block_delta"}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"x","text":"no"}}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
    r#"{"type":"content_block_stop","index":2}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}"#,
    r#"{"type":"message_stop"}"#,
];

const TOLD: &[&str] = &[
    "start m1 c",
    "usage in=17 out=1 total=0 cached=3 creation=4 reasoning=0",
    "reasoning0 hm",
    "signature0 sig",
    "break0",
    "text0 Hi",
    "break0",
    "call0.0 t1 f",
    "arguments0.0 {\"a\":",
    "arguments0.0 1}",
    "callend0.0",
    "finish0 tool_calls tool_use",
    "usage in=17 out=9 total=0 cached=3 creation=4 reasoning=0",
    "end",
];

#[test]
fn thoughts_text_calls_finish_and_usage() {
    assert_eq!(read(WHOLE), TOLD);
}

#[test]
fn the_same_in_aws_frames() {
    let frames: Vec<String> = WHOLE
        .iter()
        .map(|payload| {
            format!(r#"{{"bytes":"{}","p":"abcd"}}"#, STANDARD.encode(payload).replace('/', "\\/"))
        })
        .collect();
    assert_eq!(read(&frames.iter().map(String::as_str).collect::<Vec<_>>()), TOLD);
    let bad = Event { data: br#"{"bytes":"e"}"#, ..Event::default() };
    assert!(read_event(&mut Claude::default(), &bad).is_err());
    let exception =
        Event { data: br#"{"message":"slow down"}"#, exception: b"throttlingException", ..Event::default() };
    assert_eq!(
        read_event(&mut Claude::default(), &exception).unwrap(),
        [r#"error 0 throttlingException slow down {"message":"slow down"}"#]
    );
}

#[test]
fn input_that_the_start_gives_whole() {
    let told = read(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{"x": "y"}}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"g","input":{}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#,
    ]);
    assert_eq!(
        told,
        [
            "call0.0 a f",
            r#"arguments0.0 {"x":"y"}"#,
            "callend0.0",
            "call0.1 b g",
            "arguments0.1 {}",
            "callend0.1",
            "finish0 tool_calls tool_use"
        ]
    );
}

#[test]
fn a_truncated_call_is_given_no_arguments_and_no_end() {
    let told = read(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#,
    ]);
    assert_eq!(told, ["call0.0 a f"]);
}

#[test]
fn blocks_of_the_server_are_passed_on_whole() {
    let told = read(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"q\":\"\\\"x"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","content":[{"text":"t"}]}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"redacted_thinking","data":"xx"}}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"mcp_tool_use","input":{}}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"cut"}}"#,
    ]);
    assert_eq!(
        told,
        [
            r#"other0 {"type":"server_tool_use","id":"s","name":"web","input":{"q":"\"x"}}"#,
            r#"other0 {"type":"web_search_tool_result","content":[{"text":"t"}]}"#,
            r#"other0 {"type":"redacted_thinking","data":"xx"}"#,
            r#"other0 {"type":"mcp_tool_use","input":{}}"#,
        ]
    );
}

#[test]
fn a_message_that_starts_twice_starts_once() {
    let start = WHOLE[0];
    assert_eq!(read(&[start, start]), &TOLD[..2]);
}

#[test]
fn messages_of_several_turns_end_one_by_one() {
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#;
    let last = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
    let told = read(&[WHOLE[0], end, end, WHOLE[0], last]);
    assert_eq!(told[2..], ["finish0 tool_calls tool_use", "finish0 stop end_turn"]);
}

#[test]
fn the_type_may_stand_in_the_event_name_only() {
    let event = Event {
        name: b"content_block_delta",
        data: br#"{"index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        ..Event::default()
    };
    assert_eq!(read_event(&mut Claude::default(), &event).unwrap(), ["text0 a"]);
}

#[test]
fn errors() {
    assert_eq!(
        read(&[r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#]),
        [r#"error 0 overloaded_error Overloaded {"type":"overloaded_error","message":"Overloaded"}"#]
    );
    assert_eq!(read(&[r#"{"type":"error"}"#]), [r#"error 0   {"type":"error"}"#]);
}

#[test]
fn wrong_types_are_ignored_and_broken_json_is_bad() {
    let told = read(&[
        r#"{"type":7}"#,
        r#"{"type":"content_block_start","index":"x","content_block":3}"#,
        r#"{"type":"content_block_start"}"#,
        r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"x"}}"#,
        r#"{"type":"content_block_delta","delta":[]}"#,
        r#"{"type":"message_start","message":null}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":1},"usage":[1]}"#,
        "[DONE]",
        "ping",
    ]);
    assert!(told.is_empty(), "{told:?}");
    for payload in [r#"{"type":"ping""#, r#"{"type" "ping"}"#, r#"{} x"#] {
        let event = Event { data: payload.as_bytes(), ..Event::default() };
        assert!(read_event(&mut Claude::default(), &event).is_err());
    }
}
