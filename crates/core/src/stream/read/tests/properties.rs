//! What holds for every reader and any input.

use super::line;
use crate::stream::read::{Emit, Read, Reader, parse_whole};
use crate::stream::{Delta, Event, Format};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Streams with the fields that readers know, an event a line: name, then payload.
const SAMPLES: [(Format, &str); 7] = [
    (
        Format::OpenaiChat,
        r#"
 {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"\n<thi"}}],"usage":null}
 {"choices":[{"index":0,"delta":{"content":"nk>a</think>b"}},{"index":1,"delta":{"reasoning":"r","reasoning_details":[{"text":"r","signature":"s"}]}}]}
 {"choices":[{"delta":{"content":[{"type":"text","text":"x"},{"type":"image","url":"u"}],"refusal":"no"},"message":{"content":"y"}}]}
 {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\""}},{"index":0,"id":"b","function":{"name":"g","arguments":{"k":[1]}}}]}}]}
 {"choices":[{"delta":{"function_call":{"name":"h","arguments":"{}"}},"finish_reason":"stop","index":0}]}
 {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":1}}}
 {"error":{"message":"m","type":"t","code":429}}
"#,
    ),
    (
        Format::OpenaiResponses,
        r#"
 {"type":"response.created","response":{"id":"r","model":"m"}}
 {"type":"response.output_item.added","output_index":0,"item":{"id":"f","type":"function_call","call_id":"c","name":"n"}}
 {"type":"response.function_call_arguments.delta","item_id":"f","output_index":0,"delta":"{}"}
 {"type":"response.output_text.delta","item_id":"m","output_index":1,"content_index":0,"delta":"a\u00e9"}
 {"type":"response.output_item.done","output_index":2,"item":{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":"e"}}
 {"type":"response.output_item.done","output_index":3,"item":{"type":"web_search_call","id":"w"}}
 {"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":1,"output_tokens":2,"output_tokens_details":{"reasoning_tokens":1}}}}
 {"type":"error","code":"c","message":"m"}
"#,
    ),
    (
        Format::Claude,
        r#"
 {"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":1,"cache_read_input_tokens":2}}}
 {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"t","signature":"s"}}
 {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x\ud83d\ude00"}}
 {"type":"content_block_stop","index":0}
 {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":1}}}
 {"type":"content_block_start","index":2,"content_block":{"type":"server_tool_use","id":"t","name":"f","input":{}}}
 {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"q\":1}"}}
 {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}
 {"type":"message_stop"}
 {"type":"error","error":{"type":"t","message":"m"}}
 {"bytes":"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0="}
"#,
    ),
    (
        Format::Gemini,
        r#"
 {"responseId":"r","modelVersion":"g","candidates":[{"index":0,"content":{"parts":[{"text":"t","thought":true},{"text":"","thoughtSignature":"s"}]}}]}
 {"response":{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}}},{"inlineData":{"data":"x"}}]}}]}}
 {"candidates":[{"content":{"parts":[{"functionCall":{"name":"g","willContinue":true}},{"functionCall":{"partialArgs":[{"jsonPath":"$.a[0].b","stringValue":"v"}],"willContinue":true}}]}}]}
 {"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,"thoughtsTokenCount":3}}
 {"promptFeedback":{"blockReason":"SAFETY"}}
 {"error":{"code":500,"status":"INTERNAL","message":"m"}}
"#,
    ),
    (
        Format::Ollama,
        r#"
 {"model":"l","message":{"content":"a","thinking":"t","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}
 {"response":"b","done":true,"done_reason":"length","prompt_eval_count":1,"eval_count":2}
 {"error":"m"}
"#,
    ),
    (
        Format::BedrockConverse,
        r#"
contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}
contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}
contentBlockDelta {"contentBlockIndex":1,"delta":{"reasoningContent":{"text":"r","signature":"s","redactedContent":"x"}}}
 {"contentBlockDelta":{"contentBlockIndex":1,"delta":{"text":"a"}}}
contentBlockStop {"contentBlockIndex":0}
messageStop {"stopReason":"tool_use"}
metadata {"usage":{"inputTokens":1,"outputTokens":2,"cacheWriteInputTokens":3}}
"#,
    ),
    (
        Format::Kiro,
        r#"
 {"content":"a <thinking>\nb</thinking>\n\nc [Called f with args: {\"a\":1}] `<thinking>`"}
 {"name":"f","toolUseId":"t","input":"{}"}
 {"input":{"a":1},"stop":true}
 {"followupPrompt":{"content":"x"},"content":"y"}
 {"contextUsagePercentage":1.5}
"#,
    ),
];

fn events(sample: &str) -> Vec<(String, String)> {
    let lines = sample.lines().filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(' ').unwrap()).map(|(n, d)| (n.to_owned(), d.to_owned())).collect()
}

/// A value with its members in another order, everywhere but where their order is told: in arguments.
fn shuffled(value: &Value, seed: &mut u64) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            for at in (1..members.len()).rev() {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                members.swap(at, (*seed >> 33) as usize % (at + 1));
            }
            let keep = |key: &str| matches!(key, "args" | "arguments" | "input");
            let pairs = members.into_iter().map(|(key, value)| {
                (key.clone(), if keep(key) { value.clone() } else { shuffled(value, seed) })
            });
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Value::Array(elements) => elements.iter().map(|element| shuffled(element, seed)).collect(),
        other => other.clone(),
    }
}

/// A value with its members in the order of their names.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            members.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(elements) => elements.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn told(format: Format, events: &[(String, String)]) -> Vec<String> {
    let (mut reader, mut lines) = (Reader::new(format), Vec::new());
    let emit: &mut Emit<'_> = &mut |delta| {
        let canonical = |raw: &[u8]| sorted(&serde_json::from_slice(raw).unwrap()).to_string().into_bytes();
        lines.push(match delta {
            Delta::Other { choice, raw } => line(&Delta::Other { choice, raw: &canonical(raw) }),
            Delta::Error(failure) => {
                let raw = canonical(failure.raw);
                line(&Delta::Error(crate::stream::Failure { raw: &raw, ..failure }))
            }
            delta => line(&delta),
        });
    };
    for (name, data) in events {
        let event = Event { name: name.as_bytes(), data: data.as_bytes(), ..Event::default() };
        reader.read(&event, emit).unwrap();
    }
    reader.finish(emit);
    lines
}

/// What a delta holds can stand in a JSON text, whatever came in.
fn assert_well_formed(delta: &Delta<'_>) {
    let literal = |bytes: &[u8]| {
        let text = [b"\"", bytes, b"\""].concat();
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok(), "{delta:?}");
    };
    let json = |bytes: &[u8]| {
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok(), "{delta:?}");
    };
    match *delta {
        Delta::Start { id, model } => [id, model].iter().for_each(|text| literal(text.bytes())),
        Delta::Text { text, .. }
        | Delta::Refusal { text, .. }
        | Delta::Reasoning { text, .. }
        | Delta::Signature { text, .. } => {
            assert!(!text.is_empty());
            literal(text.bytes());
        }
        Delta::Arguments { fragment, .. } => {
            assert!(!fragment.is_empty());
            literal(fragment.bytes());
        }
        Delta::Call { id, name, .. } => [id, name].iter().for_each(|text| literal(text.bytes())),
        Delta::Other { raw, .. } => json(raw),
        Delta::Finish { raw, .. } => literal(raw.bytes()),
        Delta::Error(failure) => {
            [failure.message, failure.kind].iter().for_each(|text| literal(text.bytes()));
            if !failure.raw.is_empty() {
                json(failure.raw);
            }
        }
        Delta::Break { .. } | Delta::CallEnd { .. } | Delta::Usage(_) | Delta::End => {}
    }
}

/// Calls are numbered in the order in which they are said, and have arguments only then.
fn assert_in_order(delta: &Delta<'_>, calls: &mut Vec<u32>) {
    match *delta {
        Delta::Call { choice, call, .. } => {
            let choice = choice as usize;
            calls.resize(calls.len().max(choice + 1), 0);
            assert_eq!(call, calls[choice], "{delta:?}");
            calls[choice] += 1;
        }
        Delta::Arguments { choice, call, .. } | Delta::CallEnd { choice, call } => {
            assert!(calls.get(choice as usize).is_some_and(|&said| call < said), "{delta:?}");
        }
        _ => {}
    }
}

fn mutate(data: &str, mutations: &[(usize, u8, u8)]) -> String {
    let mut bytes = data.as_bytes().to_vec();
    let alphabet = br#""\{}[],:<>/ ntu0159efal$."#;
    for &(at, how, with) in mutations {
        let at = at % (bytes.len() + 1);
        let byte = alphabet[with as usize % alphabet.len()];
        match how % 4 {
            0 if at < bytes.len() => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 if at < bytes.len() => {
                bytes.remove(at);
            }
            _ => bytes.truncate(at),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn neither_white_space_nor_the_order_of_keys_matters(seed in any::<u64>(), pretty in any::<bool>()) {
        let mut seed = seed;
        for (format, sample) in SAMPLES {
            let plain = events(sample);
            let others: Vec<_> = plain
                .iter()
                .map(|(name, data)| {
                    let value = shuffled(&serde_json::from_str(data).unwrap(), &mut seed);
                    let data = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
                    (name.clone(), data)
                })
                .collect();
            prop_assert_eq!(told(format, &plain), told(format, &others));
        }
    }

    #[test]
    fn whatever_comes_in_only_json_comes_out(
        sample in 0..SAMPLES.len(),
        reader in 0..SAMPLES.len(),
        same in any::<bool>(),
        mutations in prop::collection::vec(prop::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 0..3), 12),
    ) {
        let format = SAMPLES[if same { sample } else { reader }].0;
        let (mut reader, mut calls) = (Reader::new(format), Vec::new());
        let emit: &mut Emit<'_> = &mut |delta| {
            assert_well_formed(&delta);
            assert_in_order(&delta, &mut calls);
        };
        for ((name, data), mutations) in events(SAMPLES[sample].1).iter().zip(&mutations) {
            let data = mutate(data, mutations);
            let event = Event { name: name.as_bytes(), data: data.as_bytes(), ..Event::default() };
            let _ = reader.read(&event, emit);
            let exception = Event { exception: &data.as_bytes()[..data.len().min(9)], ..event };
            if mutations.len() == 2 {
                let _ = reader.read(&exception, emit);
            }
        }
        reader.finish(emit);
        for ((_, data), mutations) in events(SAMPLES[sample].1).iter().zip(&mutations) {
            let data = mutate(data, mutations);
            let _ = parse_whole(format, data.as_bytes(), &mut |delta| assert_well_formed(&delta));
        }
    }
}
