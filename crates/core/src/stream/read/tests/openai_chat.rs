use super::{read_all, read_event};
use crate::stream::Event;
use crate::stream::read::OpenaiChat;

fn read(payloads: &[&str]) -> Vec<String> {
    read_all(OpenaiChat::default(), payloads)
}

/// Reads deltas of choice 0, one chunk each, without the frame around them.
fn read_deltas(deltas: &[&str]) -> Vec<String> {
    let chunks: Vec<String> =
        deltas.iter().map(|delta| format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#)).collect();
    read(&chunks.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn text_finish_usage_and_end() {
    let told = read(&[
        r#"{"id":"","model":"","choices":[],"prompt_filter_results":[{}]}"#,
        r#"{"choices":[{"delta":{"role":"assistant","content":""},"index":0}],"model":"m","id":"c1"}"#,
        r#" {"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"H\u00e9\n"},"finish_reason":null}],"usage":null} "#,
        r#"{"id":"c1","model":"m","choices":[{"finish_reason":"length","delta":{},"index":0}]}"#,
        r#"{"id":"c1","model":"m","choices":[],"usage":{"completion_tokens":5,"prompt_tokens":7,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
        " [DONE] ",
    ]);
    assert_eq!(
        told,
        [
            "start c1 m",
            "text0 Hé\n",
            "finish0 length length",
            "usage in=7 out=5 total=12 cached=3 creation=0 reasoning=2",
            "end"
        ]
    );
}

#[test]
fn reasoning_that_is_counted_beside_the_completion_is_added_to_it() {
    let usage = |total: u32| {
        format!(
            r#"{{"choices":[],"usage":{{"completion_tokens":1,"prompt_tokens":12,"total_tokens":{total},"completion_tokens_details":{{"reasoning_tokens":290}}}}}}"#
        )
    };
    let (apart, within) = (usage(303), usage(13));
    assert!(read(&[&apart]).concat().contains("out=291"));
    assert!(read(&[&within]).concat().contains("out=1 "));
}

#[test]
fn usage_before_the_choices_and_zeros_in_every_chunk() {
    let told = read(&[
        r#"{"usage":{"prompt_tokens":0,"completion_tokens":0},"choices":[{"delta":{"content":"a"}}]}"#,
        r#"{"usage":{"prompt_tokens":0,"completion_tokens":0},"choices":[{"delta":{"content":"b"}}]}"#,
        r#"{"usage":{"prompt_tokens":4,"completion_tokens":1},"choices":[{"delta":{"content":"c"},"finish_reason":"stop"}]}"#,
        r#"{"usage":{"prompt_tokens":0,"completion_tokens":2,"total_tokens":"x"},"choices":[]}"#,
    ]);
    assert_eq!(
        told,
        [
            "text0 a",
            "usage in=0 out=0 total=0 cached=0 creation=0 reasoning=0",
            "text0 b",
            "text0 c",
            "finish0 stop stop",
            "usage in=4 out=1 total=0 cached=0 creation=0 reasoning=0",
            "usage in=4 out=2 total=0 cached=0 creation=0 reasoning=0",
        ]
    );
}

#[test]
fn fragments_are_joined_by_index() {
    let told = read_deltas(&[
        r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{"}},{"index":0,"function":{"arguments":"{\"x\""}}]}"#,
        r#"{"tool_calls":[{"function":{"arguments":":1}"},"index":0}]}"#,
        r#"{"tool_calls":[{"index":1,"id":null,"function":{"name":null,"arguments":"}"}}]}"#,
    ]);
    assert_eq!(
        told,
        [
            "call0.0 a f",
            "call0.1 b g",
            "arguments0.1 {",
            "arguments0.0 {\"x\"",
            "arguments0.0 :1}",
            "arguments0.1 }"
        ]
    );
}

#[test]
fn a_new_id_is_a_new_call_whatever_the_index_says() {
    let expected =
        ["call0.0 a f", "arguments0.0 {}", "call0.1 b f", "arguments0.1 {\"y\":", "arguments0.1 2}"];
    for index in ["", r#""index":0,"#, r#""index":null,"#] {
        let told = read_deltas(&[
            &format!(
                r#"{{"tool_calls":[{{{index}"id":"a","function":{{"name":"f","arguments":"{{}}"}}}}]}}"#
            ),
            &format!(
                r#"{{"tool_calls":[{{{index}"id":"b","function":{{"name":"f","arguments":"{{\"y\":"}}}}]}}"#
            ),
            &format!(r#"{{"tool_calls":[{{{index}"function":{{"arguments":"2}}"}}}}]}}"#),
        ]);
        assert_eq!(told, expected, "{index}");
        let told = read_deltas(&[
            &format!(
                r#"{{"tool_calls":[{{{index}"id":"a","function":{{"name":"f","arguments":"{{}}"}}}},{{{index}"id":"b","function":{{"name":"f","arguments":"{{\"y\":"}}}}]}}"#
            ),
            &format!(r#"{{"tool_calls":[{{{index}"id":"b","function":{{"name":"f","arguments":"2}}"}}}}]}}"#),
        ]);
        assert_eq!(told, expected, "{index}");
    }
}

#[test]
fn calls_without_ids_are_told_apart_by_their_names() {
    for index in ["", r#""index":0,"#] {
        let told = read_deltas(&[
            &format!(r#"{{"tool_calls":[{{{index}"id":"","function":{{"name":"f","arguments":"{{}}"}}}}]}}"#),
            &format!(r#"{{"tool_calls":[{{{index}"function":{{"name":"g","arguments":{{"a":"\""}}}}}}]}}"#),
        ]);
        assert_eq!(told, ["call0.0  f", "arguments0.0 {}", "call0.1  g", "arguments0.1 {\"a\":\"\\\"\"}"]);
    }
}

#[test]
fn arguments_before_the_name_are_held() {
    let told = read_deltas(&[
        r#"{"tool_calls":[{"index":0,"id":"a"}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\""}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"k"}}]}"#,
        r#"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#,
    ]);
    assert_eq!(told, ["call0.0 a f", "arguments0.0 {\"", "arguments0.0 k", "call0.1  ", "arguments0.1 {}"]);
}

#[test]
fn the_old_function_call() {
    let told = read_deltas(&[
        r#"{"function_call":{"name":"f","arguments":""}}"#,
        r#"{"function_call":{"arguments":"{}"}}"#,
        r#"{"function_call":null}"#,
    ]);
    assert_eq!(told, ["call0.0  f", "arguments0.0 {}"]);
}

#[test]
fn thoughts_come_under_many_names_and_once() {
    let told = read_deltas(&[
        r#"{"reasoning_content":"a","reasoning":"a","content":null}"#,
        r#"{"reasoning":"b","reasoning_details":[{"type":"reasoning.text","text":"b"}]}"#,
        r#"{"reasoning":null,"reasoning_details":[{"type":"reasoning.text","text":"c","signature":null}]}"#,
        r#"{"content":"","reasoning_details":[{"type":"reasoning.text","signature":"s"}]}"#,
        r#"{"reasoning_content":"","reasoning":{"not":"text"},"content":"x","refusal":"no"}"#,
    ]);
    assert_eq!(
        told,
        ["reasoning0 a", "reasoning0 b", "reasoning0 c", "signature0 s", "text0 x", "refusal0 no"]
    );
}

#[test]
fn thoughts_in_the_text() {
    let told = read_deltas(&[
        r#"{"content":"\n"}"#,
        r#"{"content":"\u003cthi"}"#,
        r#"{"content":"nk>why"}"#,
        r#"{"content":"</think"}"#,
        r#"{"content":">so <think>"}"#,
    ]);
    assert_eq!(told, ["reasoning0 why", "text0 so <think>"]);
    let told = read(&[
        r#"{"choices":[{"index":1,"delta":{"content":"<think>a"}},{"index":0,"delta":{"content":"<"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{"content":"</"}}]}"#,
    ]);
    assert_eq!(told, ["reasoning1 a", "text0 <", "finish0 stop stop", "reasoning1 </"]);
    let told = read_deltas(&[r#"{"reasoning_content":"r"}"#, r#"{"content":"<think> is a tag"}"#]);
    assert_eq!(told, ["reasoning0 r", "text0 <think> is a tag"]);
}

#[test]
fn content_in_parts() {
    let told = read_deltas(&[
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#,
        r#"{"content":[{"type":"text","text":"ok"},{"type":"reference","reference_ids":[1]},{"type":"refusal","refusal":"no"}]}"#,
    ]);
    assert_eq!(
        told,
        ["reasoning0 hm", "text0 ok", r#"other0 {"type":"reference","reference_ids":[1]}"#, "refusal0 no"]
    );
}

#[test]
fn a_message_beside_the_delta_repeats_it_and_alone_stands_for_it() {
    let told = read(&[
        r#"{"choices":[{"delta":{"content":"a"},"message":{"content":"a"}}]}"#,
        r#"{"choices":[{"message":{"content":"ab"},"delta":{"content":"b"}}]}"#,
        r#"{"choices":[{"message":{"content":"ab"},"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!(told, ["text0 a", "text0 b", "finish0 stop stop"]);
    let told = read(&[
        r#"{"choices":[{"message":{"role":"assistant","content":"a"}}]}"#,
        r#"{"choices":[{"message":{"content":"b"},"delta":null}]}"#,
    ]);
    assert_eq!(told, ["text0 a", "text0 b"]);
}

#[test]
fn errors_in_every_shape() {
    for (payload, expected) in [
        (
            r#"{"error":{"message":"m","type":"t","code":"c"}}"#,
            r#"error 0 t m {"message":"m","type":"t","code":"c"}"#,
        ),
        (
            r#"{"error":{"code":429,"message":"m"},"choices":[]}"#,
            r#"error 429  m {"code":429,"message":"m"}"#,
        ),
        (r#"{"error":"m"}"#, r#"error 0  m "m""#),
        (
            r#" {"object":"error","message":"m","type":"t","code":400}"#,
            r#"error 400 t m {"object":"error","message":"m","type":"t","code":400}"#,
        ),
    ] {
        assert_eq!(read(&[payload]), [expected]);
    }
    assert!(read(&[r#"{"error":null,"choices":[]}"#]).is_empty());
    let event = Event { name: b"error", data: br#"{"message":"m"}"#, ..Event::default() };
    let told = read_event(&mut OpenaiChat::default(), &event).unwrap();
    assert_eq!(told, [r#"error 0  m {"message":"m"}"#]);
}

#[test]
fn what_is_held_back_comes_before_an_error() {
    let told = read(&[r#"{"choices":[{"delta":{"content":"<th"}}]}"#, r#"{"error":"m"}"#]);
    assert_eq!(told, ["text0 <th", "error 0  m \"m\""]);
}

#[test]
fn what_is_not_json_says_nothing_and_broken_json_is_bad() {
    assert!(read(&["ping", "", " ", "[]", ": x", "null"]).is_empty());
    for payload in [r#"{"choices":["#, r#"{"choices":[]}}"#, "{]", "[DONE"] {
        let event = Event { data: payload.as_bytes(), ..Event::default() };
        assert!(read_event(&mut OpenaiChat::default(), &event).is_err(), "{payload}");
    }
}

#[test]
fn wrong_types_are_ignored() {
    let told = read(&[
        r#"{"id":1,"model":[],"choices":{"a":1},"usage":"x"}"#,
        r#"{"choices":[1,null,{"delta":"x","index":"0","finish_reason":{}}]}"#,
        r#"{"choices":[{"delta":{"content":7,"tool_calls":{"a":1},"reasoning":[],"refusal":true,"function_call":"f"}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[3,{"index":-1,"id":4,"function":5}]}}]}"#,
    ]);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn a_choice_beyond_all_bounds_is_left_to_the_assembly() {
    let told = read(&[r#"{"choices":[{"index":99999999999,"delta":{"content":"a"}}]}"#]);
    assert_eq!(told, ["break4294967295"]);
}
