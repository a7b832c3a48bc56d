//! The stream machine as a whole: splits, failures, what passes and what is converted.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use serde_json::Value;
use sluice_core::error::Kind;
use sluice_core::json::Escaped;
use sluice_core::stream::{Failure, Format, FramingKind, Ids, Machine, Options, Output, Side};

#[derive(Default)]
struct Counted(u32);
impl Ids for Counted {
    fn message(&mut self) -> String {
        self.0 += 1;
        format!("msg_{}", self.0)
    }
    fn call(&mut self) -> String {
        self.0 += 1;
        format!("call_{}", self.0)
    }
}

fn options(from: Option<Format>, to: Option<Format>) -> Options {
    Options {
        from,
        to,
        framing: None,
        model: None,
        id: None,
        created_s: 1_700_000_000,
        max_event_bytes: 1 << 20,
        max_text_bytes: 1 << 20,
        keep_upstream: false,
        keep_client: false,
    }
}

/// All output and the message, of bytes pushed in these pieces.
fn run<'c>(options: Options, pieces: impl IntoIterator<Item = &'c [u8]>) -> (Vec<u8>, Value) {
    let (mut machine, mut ids, mut all) = (Machine::new(options), Counted::default(), Vec::new());
    for piece in pieces {
        let mut out = Vec::new();
        match machine.push(piece, &mut ids, &mut out).unwrap() {
            Output::Same => {
                assert!(out.is_empty());
                all.extend_from_slice(piece);
            }
            Output::Appended => all.append(&mut out),
        }
    }
    machine.finish(&mut ids, &mut all).unwrap();
    (all, serde_json::from_slice(&machine.message()).unwrap())
}

fn chunk(delta: &str, rest: &str) -> String {
    format!(
        "data: {{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta}{rest}}}]}}\n\n"
    )
}

/// Text with repeats, an escape cut in two, a call and usage.
fn chat() -> String {
    [
        chunk(r#"{"role":"assistant","content":""}"#, ""),
        chunk(r#"{"content":"Hel"}"#, ""),
        chunk(r#"{"content":"lo 漢\n"}"#, ""),
        chunk(r#"{"content":"\ud83d"}"#, ""),
        chunk(r#"{"content":"\ude00\"}"}"#, ""),
        chunk(r#"{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":""}}]}"#, ""),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}"#, ""),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#, ""),
        chunk("{}", r#","finish_reason":"tool_calls""#),
        "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n"
            .into(),
        "data: [DONE]\n\n".into(),
    ]
    .concat()
}

#[test]
fn every_split_gives_the_same_bytes_and_the_same_message() {
    let stream = chat().into_bytes();
    for from in [Some(Format::OpenaiChat), None] {
        for to in
            [None, Some(Format::OpenaiChat), Some(Format::Claude), Some(Format::Gemini), Some(Format::Ollama)]
        {
            let whole = run(options(from, to), [stream.as_slice()]);
            assert_eq!(whole.1["text"], "Hello 漢\n😀\"}");
            assert_eq!(whole.1["toolCalls"][0]["arguments"], r#"{"a":1}"#);
            assert_eq!(whole.1["usage"]["totalTokens"], 7);
            assert_eq!(whole.1["complete"], true);
            if matches!(to, None | Some(Format::OpenaiChat)) {
                assert_eq!(whole.0, stream, "it passes through");
            }
            for cut in 1..stream.len() {
                let (a, b) = stream.split_at(cut);
                assert_eq!(run(options(from, to), [a, b]), whole, "cut at {cut} to {to:?}");
            }
            assert_eq!(run(options(from, to), stream.chunks(1)), whole);
        }
    }
}

#[test]
fn a_failing_push_throws_again_and_owes_what_came_before() {
    let good = chunk(r#"{"content":"kept"}"#, "");
    let stream = format!("{good}data: {{\"choices\":[}}\n\n");
    for (to, owed) in [(None, "kept"), (Some(Format::Claude), "text_delta")] {
        let (mut machine, mut ids, mut out) =
            (Machine::new(options(Some(Format::OpenaiChat), to)), Counted::default(), Vec::new());
        let error = machine.push(stream.as_bytes(), &mut ids, &mut out).unwrap_err();
        assert_eq!(error.kind, Kind::StreamFrame);
        assert_eq!(error.number("offset"), Some(good.len() as u64));
        assert!(out.is_empty(), "a push that throws returns nothing");
        assert_eq!(machine.push(b"\n", &mut ids, &mut out).unwrap_err(), error);
        machine.fail(
            &Failure { message: Escaped::from_checked(b"broken"), ..Failure::default() },
            &mut ids,
            &mut out,
        );
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(owed) && text.find(owed) < text.find("broken"), "{text}");
        assert!(!machine.complete());
        let message: Value = serde_json::from_slice(&machine.message()).unwrap();
        assert_eq!(message["text"], "kept");
    }
}

#[test]
fn a_failing_push_owes_what_waited_for_the_format_too() {
    let good = format!(": ping\n\n{}", chunk(r#"{"content":"kept"}"#, ""));
    let stream = format!("{good}data: {{\"choices\":[}}\n\n");
    for cut in 0..=good.len() - 1 {
        let (mut machine, mut ids, mut out) =
            (Machine::new(options(None, Some(Format::OpenaiChat))), Counted::default(), Vec::new());
        let (first, rest) = stream.split_at(cut);
        assert_eq!(machine.push(first.as_bytes(), &mut ids, &mut out), Ok(Output::Appended));
        assert_eq!(machine.push(rest.as_bytes(), &mut ids, &mut out).unwrap_err().kind, Kind::StreamFrame);
        assert!(out.is_empty(), "a push that throws returns nothing");
        machine.finish(&mut ids, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), good, "cut at {cut}");
    }
}

#[test]
fn a_truncated_stream_gets_no_end_mark_and_no_finish_reason() {
    let stream = chunk(r#"{"content":"half"}"#, "");
    for to in [None, Some(Format::Claude), Some(Format::Ollama)] {
        let (out, message) = run(options(Some(Format::OpenaiChat), to), [stream.as_bytes()]);
        assert_eq!(message["complete"], false);
        assert_eq!(message["finishReason"], Value::Null);
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("message_stop") && !text.contains("\"done\":true"), "{text}");
    }
}

#[test]
fn a_missing_end_mark_is_added_only_when_converting() {
    let stream = chunk(r#"{"content":"x"}"#, r#","finish_reason":"stop""#);
    let (same, message) =
        run(options(Some(Format::OpenaiChat), Some(Format::OpenaiChat)), [stream.as_bytes()]);
    assert_eq!(message["complete"], true);
    assert_eq!(same, stream.as_bytes());
    let (converted, _) = run(options(Some(Format::OpenaiChat), Some(Format::Claude)), [stream.as_bytes()]);
    assert!(String::from_utf8(converted).unwrap().contains("message_stop"));
}

#[test]
fn an_error_frame_stands_apart_from_a_frame_that_was_cut() {
    let (mut machine, mut ids, mut out) =
        (Machine::new(options(Some(Format::OpenaiChat), None)), Counted::default(), Vec::new());
    machine.push(b"data: {\"choices\":[{\"de", &mut ids, &mut out).unwrap();
    machine.finish(&mut ids, &mut out).unwrap();
    machine.fail(
        &Failure { message: Escaped::from_checked(b"cut"), ..Failure::default() },
        &mut ids,
        &mut out,
    );
    assert!(out.starts_with(b"\n\ndata: {\"error\""), "{}", String::from_utf8_lossy(&out));
}

#[test]
fn a_parsed_event_does_what_its_bytes_do() {
    let events = [
        "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}",
        "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
    ];
    for to in [None, Some(Format::Claude)] {
        let bytes: String = events.iter().map(|json| format!("data: {json}\n\n")).collect();
        let mut by_event =
            (Machine::new(options(Some(Format::OpenaiChat), to)), Counted::default(), Vec::new());
        for json in events {
            by_event.0.push_event(json.as_bytes(), &mut by_event.1, &mut by_event.2).unwrap();
        }
        by_event.0.finish(&mut by_event.1, &mut by_event.2).unwrap();
        let message: Value = serde_json::from_slice(&by_event.0.message()).unwrap();
        assert_eq!((by_event.2, message), run(options(Some(Format::OpenaiChat), to), [bytes.as_bytes()]));
    }
}

#[test]
fn events_are_kept_for_the_sides_that_were_asked_for_and_bounded() {
    let keep = |to, max| Options {
        keep_upstream: true,
        keep_client: true,
        max_text_bytes: max,
        ..options(Some(Format::OpenaiChat), to)
    };
    let (mut ids, mut out) = (Counted::default(), Vec::new());
    let mut machine = Machine::new(keep(Some(Format::Claude), 1 << 20));
    machine.push(chunk(r#"{"content":"a"}"#, "").as_bytes(), &mut ids, &mut out).unwrap();
    let upstream: Vec<Value> = serde_json::from_slice(&machine.take_events(Side::Upstream)).unwrap();
    let client: Vec<Value> = serde_json::from_slice(&machine.take_events(Side::Client)).unwrap();
    assert_eq!(upstream.len(), 1);
    assert_eq!(client[0]["type"], "message_start");
    assert_eq!(machine.take_events(Side::Client), b"[]", "taken once");

    let mut machine = Machine::new(keep(None, 256));
    let error = (0..9)
        .find_map(|_| machine.push(chunk(r#"{"content":"a"}"#, "").as_bytes(), &mut ids, &mut out).err());
    assert_eq!(error.unwrap().kind, Kind::StreamFrame, "nobody takes them");
}

#[test]
fn auto_framing_is_told_by_the_first_byte() {
    assert_eq!(FramingKind::sniff(b"\n {\"a\":1}"), Some(FramingKind::Ndjson));
    assert_eq!(FramingKind::sniff(b"\0\0\0\x10"), Some(FramingKind::Aws));
    assert_eq!(FramingKind::sniff(b": ping"), Some(FramingKind::Sse));
    assert_eq!(FramingKind::sniff(b" \r\n"), None);
}

#[test]
fn members_that_nobody_reads_may_differ_between_repeats() {
    let texts = ["a", "b\\\"", "c\\n", "漢", "e"];
    let stream = |space: &str| -> String {
        let line = |(index, text): (usize, &&str)| {
            let (space, padding) = (if index % 2 == 0 { space } else { "" }, r#"x\""#.repeat(index));
            format!(
                "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",{space}\"sequence_number\":{},\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"{text}\",\"obfuscation\":\"{padding}\"}}\n\n",
                index * 7
            )
        };
        texts.iter().enumerate().map(line).collect()
    };
    let short = run(options(Some(Format::OpenaiResponses), Some(Format::Claude)), [stream("").as_bytes()]);
    let long = run(options(Some(Format::OpenaiResponses), Some(Format::Claude)), [stream(" ").as_bytes()]);
    assert_eq!(short.1["text"], "ab\"c\n漢e");
    assert_eq!(short, long);
}

proptest! {
    /// Events that repeat the last one take a shorter way: it must say what the long way says.
    #[test]
    fn repeats_say_what_a_full_walk_says(texts in prop::collection::vec((0..5u8, "[ -~é漢\\\\\"]{0,12}"), 1..40)) {
        let line = |index: usize, kind: u8, text: &str, space: &str| {
            let text = serde_json::to_string(text).unwrap();
            let delta = match kind {
                0 | 1 => format!("{{\"content\":{text}}}"),
                2 => format!("{{\"reasoning_content\":{text}}}"),
                3 => format!("{{\"tool_calls\":[{{\"index\":0,\"function\":{{\"name\":\"f\",\"arguments\":{text}}}}}]}}"),
                _ => format!("{{\"content\":null,\"refusal\":{text}}}"),
            };
            // a space that comes and goes keeps each event from repeating the one before
            let space = if index.is_multiple_of(2) { space } else { "" };
            format!("data: {{\"choices\":[{{{space}\"index\":0,\"delta\":{delta}}}]}}\n\n")
        };
        let stream = |space: &str| -> String {
            texts.iter().enumerate().map(|(index, (kind, text))| line(index, *kind, text, space)).collect()
        };
        let (short, long) = (stream(""), stream(" "));
        for to in [Some(Format::Claude), Some(Format::Gemini)] {
            let short = run(options(Some(Format::OpenaiChat), to), [short.as_bytes()]);
            let long = run(options(Some(Format::OpenaiChat), to), [long.as_bytes()]);
            prop_assert_eq!(short, long);
        }
    }
}
