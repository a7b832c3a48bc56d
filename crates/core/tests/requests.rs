//! Random requests there and back between every two dialects, and bodies that are damaged anywhere.
#![allow(clippy::unwrap_used)] // the helpers are tests, too

use proptest::prelude::*;
use serde_json::{Number, Value, json};
use sluice_core::stream::request::model::{At, Call, Message, Part, Request, Role, Tool, ToolResult};
use sluice_core::stream::request::{Options, convert_request, read_request, write_request};
use sluice_core::stream::{Format, Ids};

const DIALECTS: [Format; 5] =
    [Format::OpenaiChat, Format::OpenaiResponses, Format::Claude, Format::Gemini, Format::Ollama];

struct Counter(u32);
impl Ids for Counter {
    fn message(&mut self) -> String {
        unreachable!("no request has a message id")
    }
    fn call(&mut self) -> String {
        self.0 += 1;
        format!("new_{}", self.0)
    }
}

fn convert(body: &[u8], from: Format, to: Format) -> Vec<u8> {
    let options = Options { model: None, lossy: true, ids: &mut Counter(0) };
    convert_request(body, from, to, options).unwrap()
}

fn at(part: Part) -> At<Part> {
    At::new(part, "")
}
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{1,20}",
        "[\\x00-\\x7f]{1,8}",
        Just("{\"output\":\"x\"}".to_owned()),
        Just("{\"a\":[1.50,{}]}".to_owned())
    ]
}
fn texts() -> impl Strategy<Value = Vec<At<Part>>> {
    prop::collection::vec(text().prop_map(|text| at(Part::Text(text))), 1..3)
}
fn arguments() -> impl Strategy<Value = String> {
    let number = any::<f64>().prop_filter("JSON has no others", |n| n.is_finite());
    (text(), number, any::<u64>())
        .prop_map(|(text, a, b)| json!({"text": text, "a": a, "b": [b, null]}).to_string())
}

/// A question, an answer with calls, and their results.
fn exchange() -> impl Strategy<Value = Vec<Message>> {
    let calls = prop::collection::vec(("[fg]", arguments(), text(), any::<bool>()), 0..3);
    (texts(), texts(), calls).prop_map(|(question, mut answer, calls)| {
        let mut results = Vec::new();
        for (name, arguments, said, is_error) in calls {
            answer.push(at(Part::Call(Call { id: None, name: name.clone(), arguments, signature: None })));
            let content = vec![at(Part::Text(said))];
            results.push(at(Part::Result(ToolResult { id: None, name: Some(name), content, is_error })));
        }
        let mut messages = vec![
            Message { role: Role::User, parts: question },
            Message { role: Role::Assistant, parts: answer },
        ];
        if !results.is_empty() {
            messages.push(Message { role: Role::User, parts: results });
        }
        messages
    })
}

fn request() -> impl Strategy<Value = Request> {
    let system = prop::option::of(texts());
    let exchanges = prop::collection::vec(exchange(), 1..4);
    let temperature = prop::option::of(0u32..=4);
    let tools = prop::collection::vec(("[a-z]{1,5}", prop::option::of(text())), 0..3);
    (system, exchanges, temperature, prop::option::of(1u64..9999), tools).prop_map(
        |(system, exchanges, temperature, max_tokens, tools)| {
            let mut messages: Vec<Message> =
                system.into_iter().map(|parts| Message { role: Role::System, parts }).collect();
            messages.extend(exchanges.into_iter().flatten());
            // unique ids, in order
            let (mut calls, mut results) = (0, 0);
            for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
                match &mut part.value {
                    Part::Call(call) => {
                        calls += 1;
                        call.id = Some(format!("id_{calls}"));
                    }
                    Part::Result(result) => {
                        results += 1;
                        result.id = Some(format!("id_{results}"));
                    }
                    _ => {}
                }
            }
            let number = |n: u32| Number::from_f64(f64::from(n) / 4.0).map(|n| At::new(n, ""));
            let parameters = || Some(json!({"type": "object", "properties": {"n": {"type": "integer"}}}));
            let tool = |(name, description)| {
                At::new(Tool { name, description, parameters: parameters(), strict: None }, "")
            };
            Request {
                messages,
                temperature: temperature.and_then(number),
                max_tokens: max_tokens.map(|limit| At::new(limit, "")),
                tools: tools.into_iter().map(tool).collect(),
                ..Request::default()
            }
        },
    )
}

/// What all dialects can say of it, in a form that does not depend on how they cut it.
fn meaning(request: &Request, from: Format, to: Format) -> Value {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
    let joined = |parts: &[At<Part>]| {
        let texts = parts.iter().filter_map(|part| match &part.value {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
    };
    let signs_errors = |format| matches!(format, Format::Claude | Format::Gemini);
    let mut said: Vec<(bool, String, Vec<Value>)> = Vec::new();
    let mut system = Vec::new();
    for message in &request.messages {
        let text = joined(&message.parts);
        if message.role == Role::System {
            system.push(text);
            continue;
        }
        let calls = message.parts.iter().filter_map(|part| match &part.value {
            Part::Call(call) => Some(json!([call.id, call.name, parsed(&call.arguments)])),
            Part::Result(result) => {
                let text = joined(&result.content);
                let object = parsed(&text);
                let failed = result.is_error && signs_errors(from) && signs_errors(to);
                Some(json!([result.id, object.unwrap_or(Value::String(text)), failed]))
            }
            _ => None,
        });
        let assistant = message.role == Role::Assistant;
        let calls: Vec<Value> = calls.collect();
        match said.last_mut() {
            Some(last) if last.0 == assistant => {
                last.1 = [last.1.as_str(), &text]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join("\n\n");
                last.2.extend(calls);
            }
            _ => said.push((assistant, text, calls)),
        }
    }
    let tools: Vec<Value> = request
        .tools
        .iter()
        .map(|at| json!([at.value.name, at.value.description, at.value.parameters]))
        .collect();
    let temperature = request.temperature.as_ref().map(|at| at.value.clone());
    // a default that Claude must spell out
    let limit = request.max_tokens.as_ref().map_or(4096, |at| at.value);
    json!({"system": system.join("\n\n"), "said": said, "tools": tools, "temperature": temperature, "limit": limit})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn there_and_back_means_the_same(request in request()) {
        for from in DIALECTS {
            let body = write_request(&request, from, true).unwrap();
            let meant = read_request(&body, from).unwrap();
            for to in DIALECTS {
                let there = convert(&body, from, to);
                let back = convert(&there, to, from);
                prop_assert_eq!(meaning(&meant, from, to), meaning(&read_request(&back, from).unwrap(), from, to), "{:?} {:?}", from, to);
            }
        }
    }

    #[test]
    fn damage_is_an_error_or_a_request(request in request(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for from in DIALECTS {
            let mut body = write_request(&request, from, true).unwrap();
            for (place, byte) in &changes {
                let place = place.index(body.len());
                body[place] = *byte;
            }
            for to in DIALECTS {
                for lossy in [false, true] {
                    let options = Options { model: Some("m"), lossy, ids: &mut Counter(0) };
                    if let Ok(converted) = convert_request(&body, from, to, options) {
                        prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&converted).is_ok());
                    }
                }
            }
        }
    }
}

#[test]
fn nesting_is_an_error_where_it_is_too_deep() {
    let body = |depth: usize| {
        format!(
            "{{\"messages\":[],\"tools\":[{{\"name\":\"f\",\"input_schema\":{{\"a\":{}1{}}}}}]}}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let convert = |depth| {
        let options = Options { model: None, lossy: false, ids: &mut Counter(0) };
        convert_request(body(depth).as_bytes(), Format::Claude, Format::Gemini, options)
    };
    assert!(convert(127 - 4).is_ok());
    assert_eq!(convert(128 - 4).unwrap_err().kind.row().code, "ERR_BODY_JSON");
    assert_eq!(convert(1_000_000).unwrap_err().kind.row().code, "ERR_BODY_JSON");
}
