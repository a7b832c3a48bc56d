//! What went wrong with Redis, in words for the log, and what it says of the server.

use redis::{ErrorKind, RedisError, ServerError, Value};
use sluice_core::error::{Error, Kind};

/// An error of this tier.
pub(super) fn fault(detail: impl Into<String>) -> Error {
    Error::new(Kind::Redis).with("detail", detail.into())
}
/// There is no connection, or the breaker is open.
pub(super) fn down() -> Error {
    fault("it is down")
}
/// No answer came in time.
pub(super) fn late(timeout_ms: u64) -> Error {
    fault(format!("no answer within {timeout_ms} ms"))
}
/// What the crate said.
pub(super) fn from_crate(error: &RedisError) -> Error {
    fault(match (error.kind(), error.detail()) {
        (ErrorKind::Server(_) | ErrorKind::Extension, Some(detail)) => {
            format!("{} {detail}", error.code().unwrap_or("ERR"))
        }
        _ => error.to_string(),
    })
}
/// What the server said.
pub(super) fn from_server(error: &ServerError) -> Error {
    fault(text(error))
}
fn text(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

/// The error in a reply, also inside of a transaction's.
pub(super) fn error_of(value: &Value) -> Option<&ServerError> {
    match value {
        Value::ServerError(error) => Some(error),
        Value::Array(values) => values.iter().find_map(error_of),
        _ => None,
    }
}
/// Whether an error says that the server as a whole cannot serve, so that asking it further is in vain.
pub(super) fn is_unwell(error: &ServerError) -> bool {
    matches!(error.code(), "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "BUSY" | "NOAUTH" | "WRONGPASS")
}
/// Where a cluster says that the slot is, and whether only for this once.
pub(super) fn redirect(error: &ServerError) -> Option<(String, bool)> {
    let once = match error.code() {
        "MOVED" => false,
        "ASK" => true,
        _ => return None,
    };
    Some((error.details()?.split_ascii_whitespace().nth(1)?.to_owned(), once))
}
/// The reply, or the error in it.
pub(super) fn checked(value: Value) -> Result<Value, Error> {
    match error_of(&value) {
        Some(error) => Err(from_server(error)),
        None => Ok(value),
    }
}
/// A whole number.
pub(super) fn int_of(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}
/// A text, of whichever kind.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Okay => Some("OK".to_owned()),
        _ => None,
    }
}
