//! Renaming; what conversions keep is tested from JavaScript, with readers of its own.

use super::*;

#[test]
fn a_model_is_set_where_it_stands() {
    for (body, expected) in [
        (r#" {"a":1, "model" : "old" ,"b":2}"#, r#" {"a":1, "model" : "n\"w" ,"b":2}"#),
        (r#"{"model":null}"#, r#"{"model":"n\"w"}"#),
        (r#"{"model":{"x":[1]},"y":1}"#, r#"{"model":"n\"w","y":1}"#),
        ("{}", r#"{"model":"n\"w"}"#),
        (r#"{"a":{"model":1}}"#, r#"{"model":"n\"w","a":{"model":1}}"#),
    ] {
        let set = with_model(body.as_bytes(), Format::Claude, "n\"w").unwrap();
        assert_eq!(String::from_utf8(set).unwrap(), expected);
    }
    let gemini = with_model(br#"{"model":"x","modelVersion":"y"}"#, Format::Gemini, "z").unwrap();
    assert_eq!(gemini, br#"{"model":"x","modelVersion":"z"}"#);
}
