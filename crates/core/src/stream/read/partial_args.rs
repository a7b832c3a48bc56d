//! Arguments that Gemini streams: values by JSON path (`$.a.b[0]`), strings in pieces.

use crate::json::{Bad, Cursor, Escaped};
use serde_json::{Map, Value};

/// No tool's arguments are deeper; what lies deeper is dropped, for values are freed by recursion.
const MAX_DEPTH: usize = 100;

/// The arguments so far.
#[derive(Debug)]
pub(super) struct PartialArgs {
    root: Value,
}

impl PartialArgs {
    /// Begins with what the call's start told.
    pub fn new(args: &[u8]) -> Self {
        let root = serde_json::from_slice(args).ok().filter(Value::is_object);
        Self { root: root.unwrap_or_else(|| Value::Object(Map::new())) }
    }

    /// Adds `partialArgs`.
    pub fn add(&mut self, raw: &[u8]) -> Result<(), Bad> {
        let mut cursor = Cursor::new(raw);
        if raw.is_empty() || !cursor.array()? {
            return Ok(());
        }
        while cursor.next_element()? {
            if !cursor.object()? {
                continue;
            }
            let (mut path, mut value) = (Escaped::default(), None);
            while let Some(key) = cursor.next_key()? {
                match key {
                    b"jsonPath" => path = cursor.string()?.unwrap_or_default(),
                    b"stringValue" => {
                        value = cursor.string()?.map(|text| Value::String(text.decode())).or(value);
                    }
                    b"numberValue" => {
                        value =
                            serde_json::from_slice(cursor.skip()?).ok().filter(Value::is_number).or(value);
                    }
                    b"boolValue" => value = cursor.boolean()?.map(Value::Bool).or(value),
                    b"nullValue" => {
                        cursor.skip()?;
                        value = Some(Value::Null);
                    }
                    _ => {
                        cursor.skip()?;
                    }
                }
            }
            if let Some(value) = value {
                self.set(&path.decode(), value);
            }
        }
        Ok(())
    }

    /// The JSON text.
    pub fn into_json(self) -> Vec<u8> {
        self.root.to_string().into_bytes()
    }

    fn set(&mut self, path: &str, value: Value) {
        let Some(steps) = read_path(path) else { return };
        let mut at = &mut self.root;
        for step in steps {
            at = match step {
                Step::Key(key) => {
                    if !at.is_object() {
                        *at = Value::Object(Map::new());
                    }
                    let Value::Object(members) = at else { return };
                    members.entry(key).or_insert(Value::Null)
                }
                Step::Index(index) => {
                    if !at.is_array() {
                        *at = Value::Array(Vec::new());
                    }
                    let Value::Array(elements) = at else { return };
                    // elements come in order: a far index is none of ours to fill up to
                    if index == elements.len() {
                        elements.push(Value::Null);
                    }
                    let Some(element) = elements.get_mut(index) else { return };
                    element
                }
            };
        }
        match (&mut *at, value) {
            (Value::String(held), Value::String(piece)) => held.push_str(&piece),
            (at, value) => *at = value,
        }
    }
}

enum Step {
    Key(String),
    Index(usize),
}

/// The steps of `$.a['b'][0]`; `None` when it is none, or too deep.
fn read_path(path: &str) -> Option<Vec<Step>> {
    let (mut rest, mut steps) = (path.strip_prefix('$')?, Vec::new());
    while !rest.is_empty() {
        if steps.len() == MAX_DEPTH {
            return None;
        }
        if let Some(key) = rest.strip_prefix('.') {
            let end = key.find(['.', '[']).unwrap_or(key.len());
            let (key, tail) = key.split_at(end);
            steps.push(Step::Key(key.to_owned()));
            rest = tail;
        } else {
            let inside = rest.strip_prefix('[')?;
            if let Some(quote @ ('\'' | '"')) = inside.chars().next() {
                let (key, tail) = inside.get(1..)?.split_once(quote)?;
                steps.push(Step::Key(key.to_owned()));
                rest = tail.strip_prefix(']')?;
            } else {
                let (index, tail) = inside.split_once(']')?;
                steps.push(Step::Index(index.parse().ok()?));
                rest = tail;
            }
        }
    }
    (!steps.is_empty()).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(pieces: &[&str]) -> String {
        let mut args = PartialArgs::new(b"");
        for piece in pieces {
            args.add(piece.as_bytes()).unwrap();
        }
        String::from_utf8(args.into_json()).unwrap()
    }

    #[test]
    fn values_find_their_places() {
        let json = built(&[
            r#"[{"jsonPath":"$.city","stringValue":"Par","willContinue":true}]"#,
            r#"[{"jsonPath":"$.city","stringValue":"is"},{"jsonPath":"$.days","numberValue":3}]"#,
            r#"[{"jsonPath":"$.at[0].x","numberValue":1.5},{"jsonPath":"$['a b'][0]","boolValue":true}]"#,
            r#"[{"jsonPath":"$.at[1]","nullValue":null},{"jsonPath":"$.at[0].y","stringValue":"\u00e9"}]"#,
        ]);
        assert_eq!(json, r#"{"city":"Paris","days":3,"at":[{"x":1.5,"y":"é"},null],"a b":[true]}"#);
    }

    #[test]
    fn paths_that_lead_nowhere_are_ignored() {
        let deep = format!(r#"[{{"jsonPath":"$.{}","stringValue":"x"}}]"#, ["a"; 101].join("."));
        let json = built(&[
            r#"[{"jsonPath":"$.a[4000000000]","stringValue":"x"},{"jsonPath":"b","stringValue":"x"}]"#,
            r#"[{"jsonPath":"$","stringValue":"x"},{"jsonPath":"$[x]","stringValue":"x"},{"jsonPath":"$.c"},7]"#,
            &deep,
        ]);
        assert_eq!(json, r#"{"a":[]}"#);
    }
}
