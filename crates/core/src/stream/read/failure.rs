//! Errors that a provider reports, in any of the shapes they have.

use super::strict::strict;
use crate::json::{Bad, Cursor, Escaped};
use crate::stream::{Event, Failure};

/// Reads an error: an object with some of `message`, `type`, `code`, `status`; or a string.
pub(super) fn read_failure(raw: &[u8]) -> Result<Failure<'_>, Bad> {
    let mut failure = Failure { raw: strict(raw)?, ..Failure::default() };
    let mut cursor = Cursor::new(raw);
    if cursor.peek() == Some(b'"') {
        failure.message = cursor.string()?.unwrap_or_default();
        return Ok(failure);
    }
    let (mut code, mut word) = (Escaped::default(), Escaped::default());
    if cursor.object()? {
        while let Some(key) = cursor.next_key()? {
            match key {
                b"message" | b"Message" => failure.message = cursor.string()?.unwrap_or_default(),
                b"type" => failure.kind = cursor.string()?.unwrap_or_default(),
                b"code" | b"status" | b"status_code" if cursor.peek() == Some(b'"') => {
                    let text = cursor.string()?.unwrap_or_default();
                    match std::str::from_utf8(text.bytes()).ok().and_then(|text| text.parse().ok()) {
                        Some(number) => failure.status = http_status(number).unwrap_or(failure.status),
                        None if key == b"code" => code = text,
                        None => word = text,
                    }
                }
                b"code" | b"status" | b"status_code" => {
                    failure.status = cursor.whole()?.and_then(http_status).unwrap_or(failure.status);
                }
                _ => {
                    cursor.skip()?;
                }
            }
        }
    }
    // a type that only says that this is an error says nothing
    for word in [code, word] {
        if failure.kind.is_empty() || failure.kind.is("error") {
            failure.kind = word;
        }
    }
    Ok(failure)
}

/// Reads an AWS exception, which has its kind in the frame's headers.
pub(super) fn read_exception<'a>(event: &Event<'a>) -> Failure<'a> {
    let raw = event.data.trim_ascii();
    let mut failure =
        if raw.starts_with(b"{") { read_failure(raw).unwrap_or_default() } else { Failure::default() };
    failure.kind = plain_word(event.exception);
    failure
}

/// A word that needs no escapes; nothing when it does.
pub(super) fn plain_word(word: &[u8]) -> Escaped<'_> {
    let is_plain = word.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    Escaped::from_checked(if is_plain { word } else { &[] })
}

fn http_status(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_tells_message_kind_and_status() {
        for (raw, message, kind, status) in [
            (
                r#"{"message":"slow down","type":"rate_limit_error","code":"rate_limit"}"#,
                "slow down",
                "rate_limit_error",
                0,
            ),
            (
                r#"{"code":429,"status":"RESOURCE_EXHAUSTED","message":"quota"}"#,
                "quota",
                "RESOURCE_EXHAUSTED",
                429,
            ),
            (r#"{"type":"error","code":"server_error","message":"oops"}"#, "oops", "server_error", 0),
            (r#"{"code":"503","message":"busy","type":null}"#, "busy", "", 503),
            (r#"{"message":{"deep":1},"code":[1]}"#, "", "", 0),
            (r#""out of luck""#, "out of luck", "", 0),
        ] {
            let failure = read_failure(raw.as_bytes()).unwrap();
            assert_eq!(
                (failure.message.decode().as_str(), failure.kind.decode().as_str(), failure.status),
                (message, kind, status),
                "{raw}"
            );
            assert_eq!(failure.raw, raw.as_bytes());
        }
    }
}
