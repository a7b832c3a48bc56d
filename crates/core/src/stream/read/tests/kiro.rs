use super::{line, read_all, read_event};
use crate::stream::Event;
use crate::stream::read::{Kiro, Read};

fn read(payloads: &[&str]) -> Vec<String> {
    read_all(Kiro::default(), payloads)
}

#[test]
fn thoughts_text_and_a_call_in_pieces() {
    let payloads = [
        r#"{"content":"<thin"}"#,
        r#"{"content":"king>\nhm</thinking>\n\nLet me"}"#,
        r#"{"content":"What next?","followupPrompt":{"content":"x"}}"#,
        r#"{"content":" look [1]"}"#,
        r#"{"name":"f","toolUseId":"t1"}"#,
        r#"{"input":"{\"a\""}"#,
        r#"{"name":"f","toolUseId":"t1","input":":1}"}"#,
        r#"{"stop":true}"#,
        r#"{"name":"g","toolUseId":"t2","input":{"b": 2},"stop":true}"#,
        r#"{"name":"h","toolUseId":"t3","stop":true}"#,
        r#"{"contextUsagePercentage":12.5}"#,
    ];
    let expected = [
        "reasoning0 hm",
        "text0 Let me",
        "text0  look ",
        "text0 [",
        "text0 1]",
        "call0.0 t1 f",
        "arguments0.0 {\"a\"",
        "arguments0.0 :1}",
        "callend0.0",
        "call0.1 t2 g",
        "arguments0.1 {\"b\":2}",
        "callend0.1",
        "call0.2 t3 h",
        "arguments0.2 {}",
        "callend0.2",
        "finish0 tool_calls ",
        "end",
    ];
    assert_eq!(read(&payloads), expected);
}

#[test]
fn a_call_in_the_text() {
    let told = read(&[r#"{"content":"a [Called f with args: {\"x\":1}]"}"#, r#"{"content":" b"}"#]);
    assert_eq!(
        told,
        [
            "text0 a ",
            "call0.0  f",
            "arguments0.0 {\"x\":1}",
            "callend0.0",
            "text0  b",
            "finish0 tool_calls ",
            "end"
        ]
    );
}

#[test]
fn the_end_is_where_the_stream_ends() {
    assert_eq!(read(&[r#"{"content":"a"}"#]), ["text0 a", "finish0 stop ", "end"]);
    assert!(read(&[]).is_empty());
}

#[test]
fn events_as_sdks_yield_them() {
    let told = read(&[
        r#"{"assistantResponseEvent":{"content":"a"}}"#,
        r#"{"toolUseEvent":{"name":"f","toolUseId":"t","input":"{}","stop":true}}"#,
    ]);
    assert_eq!(
        told,
        ["text0 a", "call0.0 t f", "arguments0.0 {}", "callend0.0", "finish0 tool_calls ", "end"]
    );
}

#[test]
fn an_exception_is_no_end() {
    let mut reader = Kiro::default();
    let mut told = Vec::new();
    for event in [
        Event { data: br#"{"content":"a <"}"#, ..Event::default() },
        Event { data: br#"{"message":"m"}"#, exception: b"ThrottlingException", ..Event::default() },
    ] {
        told.extend(read_event(&mut reader, &event).unwrap());
    }
    reader.finish(&mut |delta| told.push(line(&delta)));
    assert_eq!(told, ["text0 a ", "text0 <", r#"error 0 ThrottlingException m {"message":"m"}"#]);
}

#[test]
fn wrong_types_are_ignored_and_broken_json_is_bad() {
    let told = read(&[
        r#"{"content":7}"#,
        r#"{"name":[],"toolUseId":1,"input":3,"stop":"x"}"#,
        r#"{"stop":true}"#,
        r#"{"stop":false}"#,
        r#"{"assistantResponseEvent":"x"}"#,
        "ping",
    ]);
    assert_eq!(told, ["finish0 stop ", "end"]);
    let event = Event { data: br#"{"content":"a""#, ..Event::default() };
    assert!(read_event(&mut Kiro::default(), &event).is_err());
}
