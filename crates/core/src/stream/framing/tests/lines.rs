//! Server-sent events and NDJSON.

use super::*;

#[test]
fn the_cases_of_the_html_standard() {
    strict(b"data: a\n\ndata: b\r\rdata: c\r\n\r\n", &[data("a"), data("b"), data("c")]);
    strict(b"data:  two spaces\n\ndata:none\n\n", &[data(" two spaces"), data("none")]);
    strict(b"data: YHOO\ndata: +2\ndata: 10\n\n", &[data("YHOO\n+2\n10")]);
    strict(b": comment\n\ndata: a\n: between\ndata: b\n\n:\n", &[data("a\nb")]);
    strict(b"data\n\ndata\ndata\n\ndata:last", &[data(""), data("\n")]);
    strict(b"event: add\ndata: 1\n\ndata: 2\n\n", &[named("add", "1"), data("2")]);
    strict(b"event: nothing\n\ndata: 1\n\n", &[data("1")]);
    strict(b"event: a\nevent: b\ndata: 1\nevent: c\n\n", &[named("c", "1")]);
    strict(b"datax: no\n data: no\nDATA: no\ndata: yes\nunknown\n\n", &[data("yes")]);
    strict(b"\n\n\r\n\r\r", &[]);
    strict(b"", &[]);
}

#[test]
fn a_byte_order_mark_is_skipped_once_and_only_at_the_start() {
    strict(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", &[data("a")]);
    strict(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", &[]);
    strict(b"\xef\xbbdata: a\n\ndata: b\n\n", &[data("b")]);
    strict(b"\xef\xbb\xbf\n\ndata: b\n\n", &[data("b")]);
}

#[test]
fn ids_last_and_reconnection_times_are_digits() {
    let event =
        |text: &str, id: &str, retry| (String::new(), text.to_owned(), String::new(), id.to_owned(), retry);
    strict(
        b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: 9\n\ndata: d\n\nid: x\0y\ndata: e\n\n",
        &[
            event("a", "1", None),
            event("b", "1", None),
            event("c", "", None),
            event("d", "9", None),
            event("e", "9", None),
        ],
    );
    strict(
        b"retry: 1500\ndata: a\n\nretry: 15s\ndata: b\n\nretry:\ndata: c\n\nretry: 3\n\ndata: d\n\ndata: e\n\n",
        &[event("a", "", Some(1500)), event("b", "", None), event("c", "", None), event("d", "", Some(3)), event("e", "", None)],
    );
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_split_characters_are_not() {
    strict("data: grüße 🎈\n\n".as_bytes(), &[data("grüße 🎈")]);
    strict(b"event: \xff\ndata: a\xffb\xf0\x9f\x8e\n\n", &[named("\u{fffd}", "a\u{fffd}b\u{fffd}")]);
}

#[test]
fn strictly_a_last_event_needs_its_blank_line() {
    strict(b"data: {\"a\":1}\n\ndata: {\"b\":2}\n", &[data("{\"a\":1}")]);
}

#[test]
fn leniently_a_last_event_counts_when_it_is_whole() {
    lenient(b"data: {\"a\":1}\n\ndata: [DONE]", &[data("{\"a\":1}"), data("[DONE]")]);
    lenient(b"event: x\ndata: {\"a\":\"}\"}", &[named("x", "{\"a\":\"}\"}")]);
    lenient(b"data: {\"a\":1}\r\n", &[data("{\"a\":1}")]);
    lenient(b"data: {\"a\":\ndata: 1}", &[data("{\"a\":\n1}")]);
    lenient(b"data: {\"a\":1", &[]);
    lenient(b"data: [DON", &[]);
    lenient(b"data: {\"a\":1}\n\ndata: hel", &[data("{\"a\":1}")]);
    lenient(b"event: x\n", &[]);
}

#[test]
fn leniently_data_lines_that_are_json_each_are_events_each() {
    lenient(b"data: {\"a\":1}\ndata: {\"b\":2}\n\n", &[data("{\"a\":1}"), data("{\"b\":2}")]);
    lenient(
        b"data: {\"a\":1}\ndata: {\"b\":2}\ndata: {\"c\":3}\ndata: [DONE]\n\ndata: {\"d\":4}\n\n",
        &[data("{\"a\":1}"), data("{\"b\":2}"), data("{\"c\":3}"), data("[DONE]"), data("{\"d\":4}")],
    );
    lenient(b"data: {\ndata: \"a\": [1,\ndata: 2]}\n\n", &[data("{\n\"a\": [1,\n2]}")]);
    lenient(b"data: {\"a\":1}\ndata:\n\n", &[data("{\"a\":1}\n")]);
    lenient(b"data: some\ndata: text\n\n", &[data("some\ntext")]);
    lenient(b"data: {\"a\":1}\ndata: {\"cut\":", &[data("{\"a\":1}")]);
    strict(b"data: {\"a\":1}\ndata: {\"b\":2}\n\n", &[data("{\"a\":1}\n{\"b\":2}")]);
}

#[test]
fn ndjson_lines_are_events() {
    let lines = |bytes: &[u8], expected: &[Seen]| at_every_split(|| Framing::ndjson(MAX), bytes, expected);
    lines(b"{\"a\":1}\n\n  {\"b\":2} \r\n\r\n[3]\n", &[data("{\"a\":1}"), data("{\"b\":2}"), data("[3]")]);
    lines(
        b"data: {\"a\":1}\n\ndata:{\"b\":2}\n\ndata: [DONE]\n\n",
        &[data("{\"a\":1}"), data("{\"b\":2}"), data("[DONE]")],
    );
    lines(b"{\"a\":1}\n{\"b\":2}", &[data("{\"a\":1}"), data("{\"b\":2}")]);
    lines(b"{\"a\":1}\n{\"b\":", &[data("{\"a\":1}")]);
    lines(b": waiting\n1\n2", &[data("1"), data("2")]);
    lines(b"\xff\n", &[data("\u{fffd}")]);
}
