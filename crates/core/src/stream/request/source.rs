//! The source's bytes: parsed, or passed on with another model.

use super::wrong;
use crate::error::{Error, Kind};
use crate::json::{Cursor, write_string};
use memchr::memchr;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::borrow::Cow;

/// The body's tree. Nesting is limited by the parser, far above what requests have.
pub fn parse(body: &[u8]) -> Result<Value, Error> {
    utf8(body)?;
    let body = without_lone_surrogates(body);
    serde_json::from_slice(&body).map_err(|error| not_json(&body, &error))
}

/// The same bytes with another model, if one is given: in the place of the old one, else in front.
pub fn with_model(body: &[u8], model: Option<&str>) -> Result<Vec<u8>, Error> {
    utf8(body)?;
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| not_json(body, &error))?;
    let mut cursor = Cursor::new(body);
    if cursor.peek() != Some(b'{') {
        return Err(wrong("", "a JSON object", "another value"));
    }
    let Some(model) = model else { return Ok(body.to_vec()) };
    let mut literal = Vec::with_capacity(model.len() + 2);
    write_string(model.as_bytes(), &mut literal);
    splice(body, &mut cursor, &literal).map_err(|bad| {
        Error::new(Kind::Internal)
            .with("what", "convertRequest")
            .with("detail", format!("no member at byte {}", bad.0))
    })
}

fn splice(body: &[u8], cursor: &mut Cursor<'_>, model: &[u8]) -> Result<Vec<u8>, crate::json::Bad> {
    let mut out = Vec::with_capacity(body.len() + model.len() + 16);
    let (mut copied, mut members, mut found) = (0, 0, false);
    let offset = |part: &[u8]| part.as_ptr() as usize - body.as_ptr() as usize;
    cursor.object()?;
    while let Some(key) = cursor.next_key()? {
        members += 1;
        let value = cursor.skip()?;
        if crate::json::Escaped::from_checked(key).is("model") {
            let start = offset(value);
            out.extend_from_slice(body.get(copied..start).unwrap_or_default());
            out.extend_from_slice(model);
            copied = start + value.len();
            found = true;
        }
    }
    if !found {
        let inside = memchr(b'{', body).map_or(0, |at| at + 1);
        out.extend_from_slice(body.get(..inside).unwrap_or_default());
        out.extend_from_slice(b"\"model\":");
        out.extend_from_slice(model);
        if members > 0 {
            out.push(b',');
        }
        copied = inside;
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default());
    Ok(out)
}

fn utf8(body: &[u8]) -> Result<(), Error> {
    simdutf8::compat::from_utf8(body).map(drop).map_err(|error| {
        Error::new(Kind::BodyCharset).with("detail", format!("the bytes at {} are not", error.valid_up_to()))
    })
}

/// Escapes of lone surrogates, which JavaScript accepts and UTF-8 cannot hold, as U+FFFD of the same length.
fn without_lone_surrogates(body: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(body);
    let mut at = 0;
    while let Some(found) = body.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        at += found;
        match surrogate(body, at) {
            None => at += 2,
            Some(true) if surrogate(body, at + 6) == Some(false) => at += 12,
            Some(_) => {
                if let Some(digits) = out.to_mut().get_mut(at + 2..at + 6) {
                    digits.copy_from_slice(b"fffd");
                }
                at += 6;
            }
        }
    }
    out
}

/// Whether a surrogate's escape is here, and if so whether it is a high one.
fn surrogate(body: &[u8], at: usize) -> Option<bool> {
    match body.get(at..at + 6)? {
        [b'\\', b'u', b'd' | b'D', third, fourth, fifth]
            if fourth.is_ascii_hexdigit() && fifth.is_ascii_hexdigit() =>
        {
            match third {
                b'8' | b'9' | b'a' | b'b' | b'A' | b'B' => Some(true),
                b'c'..=b'f' | b'C'..=b'F' => Some(false),
                _ => None,
            }
        }
        _ => None,
    }
}

fn not_json(body: &[u8], error: &serde_json::Error) -> Error {
    let before: usize = body
        .split_inclusive(|&byte| byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let column = error.column().max(1);
    let text = error.to_string();
    let detail = text.split(" at line ").next().unwrap_or_default();
    Error::new(Kind::BodyJson)
        .with("offset", (before + column - 1).min(body.len()))
        .with("line", error.line())
        .with("column", column)
        .with("detail", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Field;

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_kept() {
        let body = br#"{"a":"\ud800x\uDC00\ud83d\ude00\\ud800\ud800\ud83d\ude00"}"#;
        let value = parse(body).unwrap();
        assert_eq!(value["a"], "\u{FFFD}x\u{FFFD}😀\\ud800\u{FFFD}😀");
    }

    #[test]
    fn only_the_model_changes() {
        let model =
            |body: &str| String::from_utf8(with_model(body.as_bytes(), Some("n\"")).unwrap()).unwrap();
        assert_eq!(
            model(" { \"a\" : [1.0,{\"model\":1}] , \"model\" : \"m\" }\n"),
            " { \"a\" : [1.0,{\"model\":1}] , \"model\" : \"n\\\"\" }\n"
        );
        assert_eq!(
            model("{\"model\":\"a\",\"mod\\u0065l\":{\"b\":1}}"),
            "{\"model\":\"n\\\"\",\"mod\\u0065l\":\"n\\\"\"}"
        );
        assert_eq!(model("{}"), "{\"model\":\"n\\\"\"}");
        assert_eq!(model(" { \"a\":1}"), " {\"model\":\"n\\\"\", \"a\":1}");
        assert_eq!(with_model(b"{\"a\":\"\\ud800\"}", None).unwrap(), b"{\"a\":\"\\ud800\"}");
    }

    #[test]
    fn what_is_not_json_or_not_an_object_is_told() {
        let error = parse(b"{\"a\":1,\n \"b\":x}").unwrap_err();
        assert_eq!(error.kind, Kind::BodyJson);
        assert!(error.fields.contains(&("line", Field::Number(2))), "{error:?}");
        assert!(error.fields.contains(&("offset", Field::Number(13))), "{error:?}");
        assert_eq!(parse(b"{\"a\":\"\xff\"}").unwrap_err().kind, Kind::BodyCharset);
        assert_eq!(parse(&[b'['; 100_000]).unwrap_err().kind, Kind::BodyJson);
        assert_eq!(with_model(b"[]", Some("m")).unwrap_err().kind, Kind::OptionType);
        assert_eq!(with_model(b"{\"a\":1", None).unwrap_err().kind, Kind::BodyJson);
    }
}
