//! Tests of the writer.

use crate::json::Escaped;
use crate::stream::write::testing::{
    arguments, call, events, failed, finish, reasoning, signature, text, written,
};
use crate::stream::{Delta, FinishReason, Format, Usage};
use serde_json::{Value, json};

const FORMAT: Format = Format::Claude;

/// Checks the dialect's order and returns blocks as a client gathers them, with `message_start` and `message_delta`.
fn gather(bytes: &str) -> (Value, Vec<Value>, Value) {
    let mut events = events(bytes);
    assert!(events.iter().all(|(event, data)| data["type"] == event.as_str()));
    assert_eq!(events.pop().unwrap().0, "message_stop");
    let end = events.pop().unwrap().1;
    assert_eq!(end["type"], "message_delta");
    let start = events.remove(0).1;
    assert_eq!(start["type"], "message_start");
    let (mut blocks, mut open) = (Vec::<Value>::new(), Vec::new());
    for (event, data) in events {
        let index = data["index"].as_u64().unwrap() as usize;
        match event.as_str() {
            "content_block_start" => {
                assert_eq!(index, blocks.len());
                blocks.push(data["content_block"].clone());
                open.push(true);
            }
            "content_block_stop" => assert!(std::mem::replace(&mut open[index], false)),
            _ => {
                assert!(open[index], "{data}");
                let delta = data["delta"].as_object().unwrap();
                let (name, piece) = delta.iter().find(|(name, _)| *name != "type").unwrap();
                let held = blocks[index][name].as_str().unwrap_or_default().to_owned();
                blocks[index][name] = Value::from(held + piece.as_str().unwrap());
            }
        }
    }
    assert!(open.iter().all(|open| !open));
    (start, blocks, end)
}

#[test]
fn parts_become_blocks_in_order() {
    let counts = Usage { input: 100, output: 9, cached: 60, cache_creation: 10, ..Usage::default() };
    let deltas = [
        Delta::Usage(counts),
        reasoning("h"),
        reasoning("m"),
        signature("si"),
        signature("g"),
        text("a"),
        Delta::Break { choice: 0 },
        text("b"),
        text(r"\n"),
        call(0, "c0", "f"),
        arguments(0, "{}"),
        call(1, "c1", "g"),
        arguments(1, r#"{\"a\":"#),
        arguments(1, "1}"),
        Delta::CallEnd { choice: 0, call: 1 },
        text("end"),
        finish(FinishReason::ToolCalls),
    ];
    let (start, blocks, end) = gather(&written(FORMAT, &deltas));
    let usage = json!({"input_tokens":30,"cache_creation_input_tokens":10,"cache_read_input_tokens":60,"output_tokens":9});
    assert_eq!(
        start["message"],
        json!({"id":"m-1","type":"message","role":"assistant","model":"mo\"del","content":[],
            "stop_reason":null,"stop_sequence":null,"usage":usage})
    );
    let tool = |id: &str, name: &str, partial: &str| json!({"type":"tool_use","id":id,"name":name,"input":{},"partial_json":partial});
    let expected = [
        json!({"type":"thinking","thinking":"hm","signature":"sig"}),
        json!({"type":"text","text":"a"}),
        json!({"type":"text","text":"b\n"}),
        tool("c0", "f", "{}"),
        tool("c1", "g", "{\"a\":1}"),
        json!({"type":"text","text":"end"}),
    ];
    assert_eq!(blocks, expected);
    assert_eq!(end["delta"], json!({"stop_reason":"tool_use","stop_sequence":null}));
    assert_eq!(end["usage"], usage);
}

#[test]
fn the_signature_of_a_block_comes_in_one_piece() {
    let bytes = written(FORMAT, &[reasoning("h"), signature("si"), signature("g"), reasoning("next")]);
    assert_eq!(bytes.matches("signature_delta").count(), 1);
    let (_, blocks, _) = gather(&bytes);
    assert_eq!(blocks[0]["signature"], "sig");
    assert_eq!(blocks[1]["thinking"], "next");
}

#[test]
fn interleaved_calls_lose_nothing() {
    let deltas = [
        call(0, "c0", "f"),
        call(1, "c1", "g"),
        arguments(0, r#"{\"a\":"#),
        arguments(1, "{}"),
        text("x"),
        Delta::Break { choice: 0 },
        arguments(0, "1}"),
        arguments(1, " "),
    ];
    let (_, blocks, _) = gather(&written(FORMAT, &deltas));
    assert_eq!(blocks[0]["partial_json"], "{\"a\":1}");
    assert_eq!(blocks[1]["partial_json"], "{}");
    assert_eq!(blocks[2]["text"], "x");
}

#[test]
fn stop_reasons_are_the_dialects_own() {
    let ended = |deltas: &[Delta<'_>]| gather(&written(FORMAT, deltas)).2["delta"]["stop_reason"].clone();
    let raw = |word: &'static str| Delta::Finish {
        choice: 0,
        reason: FinishReason::read(Escaped::from_checked(word.as_bytes())),
        raw: Escaped::from_checked(word.as_bytes()),
    };
    assert_eq!(ended(&[text("x"), raw("stop")]), "end_turn");
    assert_eq!(ended(&[text("x"), raw("pause_turn")]), "pause_turn");
    assert_eq!(ended(&[text("x"), raw("SAFETY")]), "refusal");
    assert_eq!(ended(&[text("x"), raw("max_output_tokens")]), "max_tokens");
    assert_eq!(ended(&[]), "end_turn");
    let refusal = Delta::Refusal { choice: 0, text: Escaped::from_checked(b"no") };
    assert_eq!(ended(&[refusal, raw("stop")]), "refusal");
}

#[test]
fn other_alternatives_are_not_said() {
    let other = Delta::Text { choice: 1, text: Escaped::from_checked(b"x") };
    let (start, blocks, end) = gather(&written(FORMAT, &[other]));
    assert!(blocks.is_empty());
    assert_eq!(start["message"]["usage"]["input_tokens"], 0);
    assert_eq!(end["usage"], json!({"output_tokens":0}));
}

#[test]
fn an_error_is_one_frame_whatever_it_says() {
    let frames = events(&failed(FORMAT));
    let message = "a \"quote\"\r\n\ndata: {\"x\":1}\n\n";
    let error = json!({"type":"bad\r\nevent: x","message":message});
    assert_eq!(frames, [("error".to_owned(), json!({"type":"error","error":error}))]);
}

#[test]
fn blocks_of_its_own_come_whole_and_others_not_at_all() {
    let deltas = [
        text("a"),
        Delta::Other { choice: 0, raw: b"{\"type\":\"redacted_thinking\",\n\"data\":\"x\"}" },
        Delta::Other { choice: 0, raw: b"{\"type\":\"web_search_call\"}" },
        text("b"),
    ];
    let (_, blocks, _) = gather(&written(FORMAT, &deltas));
    let expected = [
        json!({"type":"text","text":"a"}),
        json!({"type":"redacted_thinking","data":"x"}),
        json!({"type":"text","text":"b"}),
    ];
    assert_eq!(blocks, expected);
}
