//! Gemini's schemas, a part of OpenAPI 3.0 with types in capitals, as JSON schemas.

use serde_json::{Map, Value};

/// The JSON schema of an OpenAPI schema. As deep as the body's parser lets a body be, so recursion is bounded.
pub fn from_openapi(schema: &Value) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    let mut out = Map::new();
    let nullable = schema.get("nullable").and_then(Value::as_bool) == Some(true);
    for (name, value) in schema {
        let value = match (name.as_str(), value) {
            ("nullable" | "propertyOrdering" | "property_ordering" | "example", _) => continue,
            ("type", Value::String(word)) if word == "TYPE_UNSPECIFIED" => continue,
            ("type", Value::String(word)) if nullable => {
                Value::Array(vec![Value::String(word.to_ascii_lowercase()), Value::String("null".to_owned())])
            }
            ("type", Value::String(word)) => Value::String(word.to_ascii_lowercase()),
            ("properties", Value::Object(members)) => Value::Object(
                members.iter().map(|(name, member)| (name.clone(), from_openapi(member))).collect(),
            ),
            ("items" | "additionalProperties", inner) => from_openapi(inner),
            ("anyOf" | "any_of", Value::Array(list)) => {
                out.insert("anyOf".to_owned(), Value::Array(list.iter().map(from_openapi).collect()));
                continue;
            }
            // 64-bit numbers are strings in Google's JSON
            (
                "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties",
                Value::String(count),
            ) => count.parse::<u64>().map_or_else(|_| value.clone(), Value::from),
            _ => value.clone(),
        };
        out.insert(name.clone(), value);
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_lowered_and_google_specialities_translated() {
        let openapi = json!({
            "type": "OBJECT", "propertyOrdering": ["type"], "required": ["type"],
            "properties": {
                "type": {"type": "STRING", "enum": ["A"], "nullable": true},
                "list": {"type": "ARRAY", "minItems": "2", "items": {"anyOf": [{"type": "INTEGER"}, {"type": "NUMBER"}]}}
            }
        });
        assert_eq!(
            from_openapi(&openapi),
            json!({
                "type": "object", "required": ["type"],
                "properties": {
                    "type": {"type": ["string", "null"], "enum": ["A"]},
                    "list": {"type": "array", "minItems": 2, "items": {"anyOf": [{"type": "integer"}, {"type": "number"}]}}
                }
            })
        );
    }
}
