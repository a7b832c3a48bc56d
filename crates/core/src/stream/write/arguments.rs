//! Arguments of a call, for dialects that hold them as an object and not as text.

use crate::json::{Cursor, unescape};
use serde::de::IgnoredAny;

/// Whether the arguments, escaped, are a whole JSON object already.
pub fn is_whole(escaped: &[u8]) -> bool {
    let mut text = Vec::with_capacity(escaped.len());
    unescape(escaped, &mut text);
    is_object(&text)
}

fn is_object(text: &[u8]) -> bool {
    Cursor::new(text).peek() == Some(b'{') && is_json(text)
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Appends the arguments, escaped, as one JSON object on one line. Arguments that are empty or no JSON become `{}`;
/// a JSON value that is no object, which an object dialect cannot say, becomes the object's member `arguments`.
pub fn write_object(escaped: &[u8], out: &mut Vec<u8>) {
    let mut text = Vec::with_capacity(escaped.len());
    unescape(escaped, &mut text);
    if is_object(&text) {
        write_compact(&text, out);
    } else if is_json(&text) && text.trim_ascii() != b"null" {
        out.extend_from_slice(b"{\"arguments\":");
        write_compact(&text, out);
        out.push(b'}');
    } else {
        out.extend_from_slice(b"{}");
    }
}

/// Appends valid JSON without its white space, in which line breaks would end a frame.
pub fn write_compact(json: &[u8], out: &mut Vec<u8>) {
    out.reserve(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for &byte in json {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            continue;
        } else {
            quoted = byte == b'"';
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(escaped: &str) -> String {
        let mut out = Vec::new();
        write_object(escaped.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_object_passes_on_one_line() {
        assert_eq!(object(r#"{\"a\": \"x \\\" y\",\n \"b\":[1, 2]}"#), r#"{"a":"x \" y","b":[1,2]}"#);
        assert_eq!(object(r#"{\"a\":\"\\\\\", \"b\": 1}"#), r#"{"a":"\\","b":1}"#);
    }

    #[test]
    fn what_is_no_object_becomes_one() {
        assert_eq!(object(""), "{}");
        assert_eq!(object(" null "), "{}");
        assert_eq!(object(r#"{\"a\":"#), "{}");
        assert_eq!(object("[1, 2]"), r#"{"arguments":[1,2]}"#);
        assert_eq!(object(r#"\"x\""#), r#"{"arguments":"x"}"#);
    }

    #[test]
    fn only_a_closed_object_is_whole() {
        assert!(is_whole(r#" {\"a\":{}} "#.as_bytes()));
        for open in ["", r#"{\"a\":{}"#, "[]", "{}{}", r#"{\"a\" 1}"#] {
            assert!(!is_whole(open.as_bytes()), "{open}");
        }
    }

    #[test]
    fn deep_arguments_do_not_recurse() {
        let deep = format!("{{\\\"a\\\":{}", "[".repeat(1 << 20));
        assert!(!is_whole(deep.as_bytes()));
        assert_eq!(object(&deep), "{}");
    }
}
