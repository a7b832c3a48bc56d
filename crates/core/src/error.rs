//! Every error that the package makes: one table from enum to code, class, name, message and documentation.
//! `docs/errors.md` and `lib/error-table.js` are generated from it; see `crates/core/examples/errors.rs`.

use crate::json;

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// The variant's name, by which the shell finds the row.
    pub kind: &'static str,
    /// `err.code`.
    pub code: &'static str,
    /// The constructor in the caller's realm.
    pub class: &'static str,
    /// `err.name`.
    pub name: &'static str,
    /// `err.status` and `err.statusCode`, 0 for none.
    pub status: u16,
    /// `err.type`, empty for none.
    pub type_: &'static str,
    /// The text, with `{field}` where a field's value goes.
    pub template: &'static str,
    /// When it happens and what to do about it, for the documentation.
    pub doc: &'static str,
}

macro_rules! table {
    ($($(#[doc = $doc:literal])+ $kind:ident: $code:literal, $class:literal, $name:literal, $status:literal, $type_:literal, $template:literal;)+) => {
        /// What went wrong. Several kinds may share one code: a caller matches on the code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Kind { $($(#[doc = $doc])+ $kind,)+ }

        /// The table, in the order of the documentation.
        pub const TABLE: &[Row] = &[$(Row {
            kind: stringify!($kind), code: $code, class: $class, name: $name, status: $status, type_: $type_,
            template: $template, doc: concat!($($doc),+),
        },)+];

        impl Kind {
            /// This kind's row.
            pub fn row(self) -> &'static Row {
                match self { $(Kind::$kind => &Row {
                    kind: stringify!($kind), code: $code, class: $class, name: $name, status: $status, type_: $type_,
                    template: $template, doc: concat!($($doc),+),
                },)+ }
            }
        }
    };
}

table! {
    /// There is no binary for this platform. Install the package that the message names, or build from a clone.
    Platform: "ERR_PLATFORM", "Error", "Error", 0, "", "sluice has no native binary for {platform}: install {package}";
    /// The binary for this platform is there and does not load: a C library that is too old, a damaged file, another version's file. `err.cause` is what the system said.
    PlatformLoad: "ERR_PLATFORM", "Error", "Error", 0, "", "the native binary of sluice for {platform} does not load: {detail}; reinstall {package}";
    /// An option or argument has a value outside its range; the message names the option, the range and the value.
    OptionRange: "ERR_INVALID_OPTION", "RangeError", "RangeError", 0, "", "{option} must be {range}; got {value}";
    /// An option or argument has the wrong type.
    OptionType: "ERR_INVALID_OPTION", "TypeError", "TypeError", 0, "", "{option} must be {range}; got {value}";
    /// An option that does not exist was given, most often a misspelt one.
    OptionUnknown: "ERR_INVALID_OPTION", "TypeError", "TypeError", 0, "", "unknown option {option}; known options are {known}";
    /// The object was used after it was closed.
    Closed: "ERR_CLOSED", "Error", "Error", 0, "", "{what} is closed";
    /// An AbortSignal fired; `err.cause` is the signal's reason.
    Aborted: "ERR_ABORTED", "Error", "AbortError", 0, "", "{what} was aborted";
    /// A panic inside native code was contained. The object is unusable, the process is not. Please report it.
    Internal: "ERR_INTERNAL", "Error", "Error", 0, "", "{what} failed inside native code: {detail}";
    /// A dialect cannot say what the request holds at `err.pointer`; `lossy: true` drops it.
    Unsupported: "ERR_UNSUPPORTED", "Error", "Error", 0, "", "{dialect} cannot say {what} (at {pointer})";
    /// What was waited for did not end within `err.timeoutMs`: a load without a stale value to serve instead, a handler, a limiter's queue.
    Timeout: "ERR_TIMEOUT", "Error", "TimeoutError", 0, "", "{what} did not end within {timeoutMs} ms";
    /// The value cannot be encoded: undefined, a function, a cycle, a BigInt in JSON, a lone surrogate in a key.
    Value: "ERR_VALUE", "TypeError", "TypeError", 0, "", "{what} cannot be stored: {detail}";
    /// Redis refused, failed or did not answer; `err.cause` is what the server or the socket said. Only in `degraded` events: a cache does not fail with Redis.
    Redis: "ERR_REDIS", "Error", "Error", 0, "", "Redis: {detail}";
    /// Another process has the store to itself.
    StoreLocked: "ERR_STORE_LOCKED", "Error", "Error", 0, "", "the store at {path} is in use: {detail}";
    /// The store was damaged; it has been set aside, never deleted, and `err.path` says where.
    StoreCorrupt: "ERR_STORE_CORRUPT", "Error", "Error", 0, "", "the store was damaged and is kept as {path}: {detail}";
    /// The store cannot be read or written: a full disk, a missing right, a folder that is gone.
    StoreIo: "ERR_STORE_IO", "Error", "Error", 0, "", "the store at {path} cannot be used: {detail}";
    /// The buffer holds `maxSize` items, or its log `durable.maxBytes`: try again later, or let `overflow` wait.
    BufferFull: "ERR_BUFFER_FULL", "Error", "Error", 0, "", "{what} is full: {detail}";
    /// A limiter refused at once, since `maxQueue` callers wait already. `err.retryAfterMs` says when its window has room again; 0: only work that ends makes room.
    LimitExceeded: "ERR_LIMIT_EXCEEDED", "Error", "Error", 0, "", "{what} refused: {detail}";
    /// QStash refused a message or a whole batch (`err.status`, `err.headers`), did not answer (`err.cause`), or answered what cannot be read; in the last two cases it may have taken the messages.
    Qstash: "ERR_QSTASH", "Error", "Error", 0, "", "QStash: {detail}";
    /// The body is larger than `err.limit`: by its `Content-Length`, on the wire, or when inflated.
    BodyTooLarge: "BODY_TOO_LARGE", "Error", "PayloadTooLargeError", 413, "entity.too.large", "request body is larger than {limit} bytes";
    /// The request was aborted, destroyed or consumed before its body was read.
    BodyAborted: "ERR_BODY_ABORTED", "Error", "BadRequestError", 400, "request.aborted", "request body cannot be read: {detail}";
    /// The body is shorter or longer than its `Content-Length` says.
    BodyLength: "ERR_BODY_LENGTH", "Error", "BadRequestError", 400, "request.size.invalid", "request body has {received} bytes where Content-Length says {expected}";
    /// The body's `Content-Encoding` is unknown or not accepted, or its data is damaged.
    BodyEncoding: "ERR_BODY_ENCODING", "Error", "UnsupportedMediaTypeError", 415, "encoding.unsupported", "request body cannot be decoded as {encoding}: {detail}";
    /// The body's charset is not UTF-8, or its bytes are not.
    BodyCharset: "ERR_BODY_CHARSET", "Error", "UnsupportedMediaTypeError", 415, "charset.unsupported", "request body is not UTF-8: {detail}";
    /// The body did not arrive in time.
    BodyTimeout: "ERR_TIMEOUT", "Error", "TimeoutError", 408, "request.timeout", "request body did not arrive within {timeoutMs} ms";
    /// The text is not JSON, or is JSON that the options refuse. Carries `err.offset` (bytes), `err.line` and `err.column` (from 1) and no status.
    BodyJson: "ERR_BODY_JSON", "SyntaxError", "SyntaxError", 0, "", "invalid JSON at line {line}, column {column} (byte {offset}): {detail}";
    /// A frame of the upstream is over its limit or cannot be decoded; `err.offset` is where it starts in the stream.
    StreamFrame: "ERR_STREAM_FRAME", "Error", "Error", 0, "", "upstream frame at byte {offset} cannot be read: {detail}";
    /// The provider reported an error inside the stream; `err.provider` holds it.
    StreamUpstream: "ERR_STREAM_UPSTREAM", "Error", "Error", 0, "", "upstream reported an error: {detail}";
}

/// The value of a field of an error.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A number: bytes, milliseconds, a position.
    Number(u64),
    /// Text.
    Text(String),
}
impl From<u64> for Field {
    fn from(value: u64) -> Self {
        Field::Number(value)
    }
}
impl From<usize> for Field {
    fn from(value: usize) -> Self {
        Field::Number(value as u64)
    }
}
impl From<&str> for Field {
    fn from(value: &str) -> Self {
        Field::Text(value.to_owned())
    }
}
impl From<String> for Field {
    fn from(value: String) -> Self {
        Field::Text(value)
    }
}

/// An error on its way to the shell, which makes a JavaScript error of the caller's realm from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// Which row of the table.
    pub kind: Kind,
    /// Fields of the error object, by the names that JavaScript sees; the template takes its values from them.
    pub fields: Vec<(&'static str, Field)>,
}

impl Error {
    /// An error without fields.
    pub fn new(kind: Kind) -> Self {
        Self { kind, fields: Vec::new() }
    }
    /// Adds a field.
    pub fn with(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
    /// A field's value, where it is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.fields.iter().find_map(|(field, value)| match value {
            Field::Number(number) if *field == name => Some(*number),
            _ => None,
        })
    }
    /// The field `detail`, or the whole text.
    pub fn detail(&self) -> String {
        let detail = self.fields.iter().find_map(|(field, value)| match value {
            Field::Text(text) if *field == "detail" => Some(text.clone()),
            _ => None,
        });
        detail.unwrap_or_else(|| self.message())
    }
    /// The text, from the row's template.
    pub fn message(&self) -> String {
        let mut text = self.kind.row().template.to_owned();
        for (name, value) in &self.fields {
            let value = match value {
                Field::Number(number) => number.to_string(),
                Field::Text(text) => text.clone(),
            };
            text = text.replace(&format!("{{{name}}}"), &value);
        }
        text
    }
    /// `{"kind":…,"fields":{…}}`: how the error crosses to the shell, which renders the same template.
    pub fn to_json(&self) -> String {
        let mut out = format!("{{\"kind\":\"{}\",\"fields\":{{", self.kind.row().kind).into_bytes();
        for (index, (name, value)) in self.fields.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            json::write_string(name.as_bytes(), &mut out);
            out.push(b':');
            match value {
                Field::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
                Field::Text(text) => json::write_string(text.as_bytes(), &mut out),
            }
        }
        out.extend_from_slice(b"}}");
        String::from_utf8_lossy(&out).into_owned()
    }
}
impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message())
    }
}
impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_its_values_from_the_fields() {
        let error = Error::new(Kind::BodyLength).with("received", 3usize).with("expected", 5u64);
        assert_eq!(error.message(), "request body has 3 bytes where Content-Length says 5");
        assert_eq!(error.to_json(), r#"{"kind":"BodyLength","fields":{"received":3,"expected":5}}"#);
    }

    #[test]
    fn each_row_has_a_template_and_a_doc() {
        for row in TABLE {
            assert!(!row.template.is_empty() && row.doc.len() > 20, "{}", row.kind);
        }
    }
}
