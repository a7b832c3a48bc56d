//! Tests of the writer.

use crate::json::Escaped;
use crate::stream::write::testing::{
    arguments, call, events, failed, finish, reasoning, signature, text, written,
};
use crate::stream::{Delta, FinishReason, Format, Usage};
use serde_json::{Value, json};

const FORMAT: Format = Format::OpenaiResponses;

fn append(slot: &mut Value, piece: &Value) {
    let text = slot.as_str().unwrap().to_owned() + piece.as_str().unwrap();
    *slot = Value::from(text);
}

/// Follows the events as a client does: items and contents grow by deltas, and must then be what is told whole.
/// Returns the final response.
fn follow(bytes: &str) -> Value {
    let events = events(bytes);
    for (number, (event, data)) in events.iter().enumerate() {
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(event), &json!(number)));
    }
    let names: Vec<_> = events.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(names[..2], ["response.created", "response.in_progress"]);
    assert_eq!(events[0].1["response"]["output"], json!([]));
    let (mut items, mut done) = (Vec::<Value>::new(), Vec::new());
    for (event, data) in &events[2..events.len() - 1] {
        let output = data["output_index"].as_u64().unwrap() as usize;
        if event == "response.output_item.added" {
            assert_eq!(output, items.len());
            items.push(data["item"].clone());
            done.push(false);
            continue;
        }
        assert!(!done[output], "{data}");
        let item = &mut items[output];
        if event == "response.output_item.done" {
            done[output] = true;
            item["status"] = data["item"]["status"].clone();
            item["encrypted_content"] = data["item"]["encrypted_content"].clone();
            let strip = |value: &Value| -> Value {
                let members = value.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
                members.map(|(name, value)| (name.clone(), value.clone())).collect()
            };
            assert_eq!(strip(item), strip(&data["item"]));
            continue;
        }
        assert_eq!(data["item_id"], item["id"]);
        let content = data["content_index"].as_u64().unwrap_or_default() as usize;
        let summary = data["summary_index"].as_u64().unwrap_or_default() as usize;
        match event.as_str() {
            "response.content_part.added" => {
                item["content"].as_array_mut().unwrap().push(data["part"].clone());
            }
            "response.reasoning_summary_part.added" => {
                item["summary"].as_array_mut().unwrap().push(data["part"].clone());
            }
            "response.output_text.delta" => append(&mut item["content"][content]["text"], &data["delta"]),
            "response.refusal.delta" => append(&mut item["content"][content]["refusal"], &data["delta"]),
            "response.reasoning_summary_text.delta" => {
                append(&mut item["summary"][summary]["text"], &data["delta"]);
            }
            "response.function_call_arguments.delta" => append(&mut item["arguments"], &data["delta"]),
            "response.output_text.done" => assert_eq!(item["content"][content]["text"], data["text"]),
            "response.refusal.done" => assert_eq!(item["content"][content]["refusal"], data["refusal"]),
            "response.content_part.done" => assert_eq!(item["content"][content], data["part"]),
            "response.reasoning_summary_text.done" => {
                assert_eq!(item["summary"][summary]["text"], data["text"]);
            }
            "response.reasoning_summary_part.done" => assert_eq!(item["summary"][summary], data["part"]),
            "response.function_call_arguments.done" => {
                assert_eq!(item["arguments"], data["arguments"]);
            }
            other => unreachable!("{other}"),
        }
    }
    assert!(done.iter().all(|done| *done));
    let (event, last) = &events[events.len() - 1];
    let response = last["response"].clone();
    assert_eq!(*event, format!("response.{}", response["status"].as_str().unwrap()));
    for (item, told) in items.iter().zip(response["output"].as_array().unwrap()) {
        assert_eq!(item["id"], told["id"]);
    }
    assert_eq!(items.len(), response["output"].as_array().unwrap().len());
    response
}

#[test]
fn parts_become_items_and_their_contents() {
    let counts = Usage { input: 10, output: 9, cached: 4, reasoning: 3, ..Usage::default() };
    let refusal = Delta::Refusal { choice: 0, text: Escaped::from_checked(b"no") };
    let deltas = [
        reasoning("h"),
        reasoning("m"),
        Delta::Break { choice: 0 },
        reasoning("two"),
        signature("sig"),
        reasoning("next"),
        text(r"a\n"),
        text("b"),
        Delta::Break { choice: 0 },
        Delta::Other { choice: 0, raw: b"{\"x\":1}" },
        text("c"),
        refusal,
        call(0, "c0", "f"),
        arguments(0, r#"{\"a\":"#),
        arguments(0, "1}"),
        call(1, "c1", "g"),
        Delta::CallEnd { choice: 0, call: 1 },
        text("end"),
        Delta::Usage(counts),
        finish(FinishReason::Stop),
    ];
    let response = follow(&written(FORMAT, &deltas));
    let body = |text: &str| json!({"type":"output_text","annotations":[],"logprobs":[],"text":text});
    let message = |number: u32, content: Value| {
        json!({"id":format!("msg_m-1_{number}"),"type":"message","status":"completed","role":"assistant",
            "content":content})
    };
    let tool = |number: u32, id: &str, name: &str, arguments: &str| {
        json!({"id":format!("fc_m-1_{number}"),"type":"function_call","status":"completed",
            "arguments":arguments,"call_id":id,"name":name})
    };
    let summary = |text: &str| json!({"type":"summary_text","text":text});
    let expected = json!([
        {"id":"rs_m-1_0","type":"reasoning","summary":[summary("hm"),summary("two")],"encrypted_content":"sig"},
        {"id":"rs_m-1_1","type":"reasoning","summary":[summary("next")]},
        message(2, json!([body("a\nb"), body("c"), {"type":"refusal","refusal":"no"}])),
        tool(3, "c0", "f", "{\"a\":1}"),
        tool(4, "c1", "g", "{}"),
        message(5, json!([body("end")])),
    ]);
    assert_eq!(response["output"], expected);
    assert_eq!(response["status"], "completed");
    assert_eq!(response["id"], "m-1");
    assert_eq!(response["model"], "mo\"del");
    let counts = json!({"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":9,
        "output_tokens_details":{"reasoning_tokens":3},"total_tokens":19});
    assert_eq!(response["usage"], counts);
}

#[test]
fn interleaved_calls_lose_nothing() {
    let deltas = [
        call(0, "c0", "f"),
        call(1, "c1", "g"),
        arguments(0, r#"{\"a\":"#),
        text("x"),
        arguments(1, "{}"),
        arguments(0, "1}"),
    ];
    let response = follow(&written(FORMAT, &deltas));
    assert_eq!(response["output"][0]["arguments"], "{\"a\":1}");
    assert_eq!(response["output"][1]["arguments"], "{}");
    assert_eq!(response["output"][2]["content"][0]["text"], "x");
}

#[test]
fn a_signature_alone_is_a_reasoning_item() {
    let response = follow(&written(FORMAT, &[text("x"), signature("si"), signature("g"), text("y")]));
    let types: Vec<_> =
        response["output"].as_array().unwrap().iter().map(|item| item["type"].clone()).collect();
    assert_eq!(types, ["message", "reasoning", "message"]);
    assert_eq!(response["output"][1]["encrypted_content"], "sig");
    assert_eq!(response["output"][1]["summary"], json!([]));
}

#[test]
fn a_message_that_ended_early_is_incomplete() {
    let ended = |reason| follow(&written(FORMAT, &[text("x"), finish(reason)]));
    let early = ended(FinishReason::Length);
    assert_eq!(early["status"], "incomplete");
    assert_eq!(early["incomplete_details"], json!({"reason":"max_output_tokens"}));
    assert_eq!(ended(FinishReason::ContentFilter)["incomplete_details"], json!({"reason":"content_filter"}));
    assert_eq!(ended(FinishReason::Error)["incomplete_details"], json!({"reason":"error"}));
    assert_eq!(follow(&written(FORMAT, &[]))["output"], json!([]));
}

#[test]
fn an_error_is_one_frame_whatever_it_says() {
    let message = "a \"quote\"\r\n\ndata: {\"x\":1}\n\n";
    let kind = "bad\r\nevent: x";
    let error = json!({"type":kind,"code":kind,"message":message,"param":null});
    let data = json!({"type":"error","code":kind,"message":message,"param":null,"error":error,
        "sequence_number":0});
    assert_eq!(events(&failed(FORMAT)), [("error".to_owned(), data)]);
}

#[test]
fn items_of_its_own_come_whole_and_others_not_at_all() {
    let deltas = [
        text("a"),
        Delta::Other { choice: 0, raw: br#"{"id":"ws_1", "type":"web_search_call","status":"completed"}"# },
        Delta::Other { choice: 0, raw: br#"{"type":"redacted_thinking"}"# },
        text("b"),
    ];
    let response = follow(&written(FORMAT, &deltas));
    let output = response["output"].as_array().unwrap();
    assert_eq!(output.len(), 3);
    assert_eq!(output[1], json!({"id":"ws_1","type":"web_search_call","status":"completed"}));
    assert_eq!(output[2]["content"][0]["text"], "b");
}
