//! Arguments that come as a JSON value, as a piece of a string: the same JSON, without the white space around.

use crate::json::{Bad, Cursor, Escaped, write_escaped};

/// Appends a JSON value as the inside of a string literal.
pub(super) fn write_compact(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(&first) = rest.first() {
        let length = match first {
            b' ' | b'\n' | b'\r' | b'\t' => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            b'"' => literal_length(rest),
            _ => rest
                .iter()
                .position(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b'"'))
                .unwrap_or(rest.len()),
        };
        let (piece, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        write_escaped(piece, out);
        rest = tail;
    }
}

/// The length of the string literal at the start, quotes included.
fn literal_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Arguments as they should be, a string, or as some send them, an object.
pub(super) fn read_arguments<'a>(raw: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Escaped<'a>, Bad> {
    Ok(match raw.first() {
        Some(b'"') => Cursor::new(raw).string()?.unwrap_or_default(),
        Some(b'{') => {
            write_compact(raw, scratch);
            Escaped::from_checked(scratch)
        }
        _ => Escaped::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_white_space_around_goes() {
        let mut scratch = Vec::new();
        let raw = br#"{ "a b" : [ 1 , "x \" y\\" ],
            "c":{}	}"#;
        let told = read_arguments(raw, &mut scratch).unwrap();
        assert_eq!(told.decode(), r#"{"a b":[1,"x \" y\\"],"c":{}}"#);
    }
}
