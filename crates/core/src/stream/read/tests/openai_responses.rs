use super::{read_all, read_event};
use crate::stream::Event;
use crate::stream::read::OpenaiResponses;

fn read(payloads: &[&str]) -> Vec<String> {
    read_all(OpenaiResponses::default(), payloads)
}

#[test]
fn thoughts_text_and_usage() {
    let told = read(&[
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","model":"m","status":"in_progress","output":[],"usage":null}}"#,
        r#"{"type":"response.in_progress","response":{"id":"r","model":"m"}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"rs","type":"reasoning","summary":[],"encrypted_content":"early"}}"#,
        r#"{"type":"response.reasoning_summary_part.added","item_id":"rs","output_index":0,"summary_index":0}"#,
        r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs","output_index":0,"summary_index":0,"delta":"a"}"#,
        r#"{"type":"response.reasoning_summary_text.done","item_id":"rs","output_index":0,"summary_index":0,"text":"a"}"#,
        r#"{"type":"response.reasoning_summary_part.done","item_id":"rs","output_index":0,"summary_index":0}"#,
        r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs","output_index":0,"summary_index":1,"delta":"b"}"#,
        r#"{"type":"response.reasoning_summary_part.done","item_id":"rs","output_index":0,"summary_index":1}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"rs","type":"reasoning","encrypted_content":"enc","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}]}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"msg","type":"message","content":[]}}"#,
        r#"{"delta":"Hi","output_index":1,"item_id":"msg","content_index":0,"type":"response.output_text.delta"}"#,
        r#"{"type":"response.output_text.annotation.added","annotation":{"type":"url_citation"}}"#,
        r#"{"type":"response.output_text.done","item_id":"msg","output_index":1,"content_index":0,"text":"Hi"}"#,
        r#"{"type":"response.content_part.done","item_id":"msg","output_index":1,"content_index":0,"part":{"type":"output_text","text":"Hi"}}"#,
        r#"{"type":"response.refusal.delta","item_id":"msg","output_index":1,"content_index":1,"delta":"no"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"id":"msg","type":"message","content":[{"type":"output_text","text":"Hi"},{"type":"refusal","refusal":"no"}]}}"#,
        r#"{"type":"response.completed","response":{"id":"r","model":"m","status":"completed","error":null,"incomplete_details":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":2,"cache_write_tokens":1},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":12}}}"#,
    ]);
    assert_eq!(
        told,
        [
            "start r m",
            "reasoning0 a",
            "break0",
            "reasoning0 b",
            "signature0 enc",
            "break0",
            "text0 Hi",
            "break0",
            "refusal0 no",
            "finish0 stop completed",
            "usage in=5 out=7 total=12 cached=2 creation=1 reasoning=3",
            "end"
        ]
    );
}

#[test]
fn calls_by_item_or_by_index_in_pieces_or_whole() {
    let told = read(&[
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"f1","type":"function_call","call_id":"c1","name":"f","arguments":""}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"f2","type":"function_call","call_id":"c2","name":"g","arguments":"{}"}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"f1","delta":"{\"a\""}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"item_id":"drawn anew","delta":":1}"}"#,
        r#"{"type":"response.function_call_arguments.done","item_id":"f1","arguments":"{\"a\":1}"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"f1","type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"}}"#,
        r#"{"type":"response.function_call_arguments.done","output_index":1,"arguments":"{}"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"id":"f2","type":"function_call","call_id":"c2","name":"g","arguments":"{}"}}"#,
        r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","id":"f3","name":"h","arguments":"{\"x\":2}"}}"#,
        r#"{"type":"response.completed","response":{"output":[]}}"#,
    ]);
    assert_eq!(
        told,
        [
            "call0.0 c1 f",
            "call0.1 c2 g",
            "arguments0.0 {\"a\"",
            "arguments0.0 :1}",
            "callend0.0",
            "arguments0.1 {}",
            "callend0.1",
            "call0.2 f3 h",
            "arguments0.2 {\"x\":2}",
            "callend0.2",
            "finish0 tool_calls completed",
            "end"
        ]
    );
}

#[test]
fn an_index_that_is_always_0_is_told_apart_by_ids() {
    let told = read(&[
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"f1","type":"function_call","call_id":"c1","name":"f"}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"f2","type":"function_call","call_id":"c2","name":"f"}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"item_id":"f1","delta":"{}"}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"item_id":"f2","delta":"[]"}"#,
    ]);
    assert_eq!(told, ["call0.0 c1 f", "call0.1 c2 f", "arguments0.0 {}", "arguments0.1 []"]);
}

#[test]
fn what_was_not_streamed_is_said_at_the_end() {
    let item = r#"{"type":"message","content":[{"type":"output_text","text":"a"},{"type":"output_text","text":"b"},{"type":"weird"}]}"#;
    let expected =
        ["text0 a", "break0", "text0 b", r#"other0 {"type":"weird"}"#, "finish0 stop completed", "end"];
    let done = format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#);
    let completed = format!(r#"{{"type":"response.completed","response":{{"output":[{item}]}}}}"#);
    assert_eq!(read(&[&done, &completed]), expected);
    assert_eq!(read(&[&completed]), expected);
    let told = read(&[
        r#"{"type":"response.output_text.done","item_id":"m","content_index":0,"text":"a"}"#,
        r#"{"type":"response.output_text.done","item_id":"m","content_index":0,"text":"a"}"#,
    ]);
    assert_eq!(told, ["text0 a"]);
}

#[test]
fn other_items_are_passed_on_whole() {
    let told = read(&[
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"custom_tool_call","id":"x","input":""}}"#,
        r#"{"type":"response.custom_tool_call_input.delta","output_index":0,"item_id":"x","delta":"SELECT"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"custom_tool_call","id":"x","input":"SELECT"}}"#,
    ]);
    assert_eq!(told, [r#"other0 {"type":"custom_tool_call","id":"x","input":"SELECT"}"#]);
}

#[test]
fn several_responses_in_one_stream() {
    let response = |id: &str| {
        [
            format!(r#"{{"type":"response.created","response":{{"id":"{id}","model":"m"}}}}"#),
            format!(
                r#"{{"type":"response.output_item.added","output_index":0,"item":{{"type":"function_call","id":"f{id}","call_id":"c{id}","name":"f"}}}}"#
            ),
            r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{}"}"#.to_owned(),
            r#"{"type":"response.completed","response":{}}"#.to_owned(),
        ]
    };
    let events = [response("1"), response("2")].concat();
    let told = read(&events.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(
        told,
        [
            "start 1 m",
            "call0.0 c1 f",
            "arguments0.0 {}",
            "finish0 tool_calls completed",
            "end",
            "call0.1 c2 f",
            "arguments0.1 {}",
            "finish0 tool_calls completed",
            "end"
        ]
    );
}

#[test]
fn responses_that_end_early_or_fail() {
    assert_eq!(
        read(&[
            r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#
        ]),
        ["finish0 length max_output_tokens", "end"]
    );
    assert_eq!(
        read(&[
            r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"}}}"#
        ]),
        ["finish0 content_filter content_filter", "end"]
    );
    assert_eq!(
        read(&[r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}"#]),
        ["finish0 error failed", r#"error 0 server_error m {"code":"server_error","message":"m"}"#]
    );
    assert_eq!(
        read(&[r#"{"type":"error","code":"rate_limit_exceeded","message":"m","param":null}"#]),
        [
            r#"error 0 rate_limit_exceeded m {"type":"error","code":"rate_limit_exceeded","message":"m","param":null}"#
        ]
    );
    assert_eq!(
        read(&[r#"{"type":"error","error":{"type":"t","message":"m"}}"#]),
        [r#"error 0 t m {"type":"t","message":"m"}"#]
    );
}

#[test]
fn wrong_types_are_ignored_and_broken_json_is_bad() {
    let told = read(&[
        r#"{"type":"response.output_item.added","output_index":"x","item":3}"#,
        r#"{"type":"response.output_item.done","item":[]}"#,
        r#"{"type":"response.output_item.done"}"#,
        r#"{"type":"response.output_text.delta","delta":{"text":"x"}}"#,
        r#"{"type":"response.function_call_arguments.done","arguments":7}"#,
        r#"{"type":"response.created","response":"x"}"#,
        r#"{"type":"response.output_item.done","item":{"type":"message","content":{"text":"x"}}}"#,
        r#"{"type":3,"delta":"x"}"#,
        "[DONE]",
    ]);
    assert!(told.is_empty(), "{told:?}");
    let event = Event { data: br#"{"type":"error",}x"#, ..Event::default() };
    assert!(read_event(&mut OpenaiResponses::default(), &event).is_err());
}
