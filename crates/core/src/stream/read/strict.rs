//! JSON that is passed on as it is must be JSON: cursors only check what they take.

use crate::json::Bad;

/// The value, if it is JSON to the letter.
pub(super) fn strict(raw: &[u8]) -> Result<&[u8], Bad> {
    // skips without recursion, however deep it is
    match serde_json::from_slice::<serde::de::IgnoredAny>(raw) {
        Ok(_) => Ok(raw),
        Err(error) => Err(Bad(error.column())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_passes() {
        assert!(strict(br#"{"a":[1,"x",null]}"#).is_ok());
        let deep = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
        assert!(strict(&deep).is_ok());
        for raw in [r#"{"a":nope}"#, r#"{"a" 1}"#, "{]", "[1 2]", ""] {
            assert!(strict(raw.as_bytes()).is_err(), "{raw}");
        }
    }
}
