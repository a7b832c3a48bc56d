use super::{read_all, read_event};
use crate::stream::Event;
use crate::stream::read::Ollama;

fn read(payloads: &[&str]) -> Vec<String> {
    read_all(Ollama::default(), payloads)
}

#[test]
fn chat() {
    let told = read(&[
        r#"{"model":"l","created_at":"t","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
        r#"{"model":"l","message":{"role":"assistant","content":"Hi \ud83d\ude00"},"done":false}"#,
        r#"{"model":"l","message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"a": "b c"}}},{"id":"x","function":{"index":1,"name":"g"}}]},"done":false}"#,
        r#"{"model":"l","message":{"content":"."},"done_reason":"stop","done":true,"prompt_eval_count":4,"eval_count":6,"total_duration":9}"#,
    ]);
    assert_eq!(
        told,
        [
            "start  l",
            "reasoning0 hm",
            "text0 Hi 😀",
            "call0.0  f",
            r#"arguments0.0 {"a":"b c"}"#,
            "callend0.0",
            "call0.1 x g",
            "arguments0.1 {}",
            "callend0.1",
            "text0 .",
            "finish0 tool_calls stop",
            "usage in=4 out=6 total=0 cached=0 creation=0 reasoning=0",
            "end"
        ]
    );
}

#[test]
fn generate() {
    let told = read(&[
        r#"{"model":"l","response":"a","thinking":"t","done":false}"#,
        r#"{"model":"l","response":"","done":true,"done_reason":"length","context":[1,2]}"#,
    ]);
    assert_eq!(told, ["start  l", "reasoning0 t", "text0 a", "finish0 length length", "end"]);
    assert_eq!(read(&[r#"{"done":true}"#]), ["finish0 stop ", "end"]);
}

#[test]
fn errors_wrong_types_and_broken_json() {
    assert_eq!(read(&[r#"{"error":"model not found"}"#]), [r#"error 0  model not found "model not found""#]);
    let told = read(&[
        r#"{"message":7,"model":[],"done":"true","eval_count":null,"error":null}"#,
        r#"{"message":{"content":{},"thinking":1,"tool_calls":[1,{"function":"f"},{}]}}"#,
        "ping",
    ]);
    assert_eq!(told, ["usage in=0 out=0 total=0 cached=0 creation=0 reasoning=0"]);
    let event = Event { data: br#"{"message":{"#, ..Event::default() };
    assert!(read_event(&mut Ollama::default(), &event).is_err());
}
