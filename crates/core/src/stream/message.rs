//! `AssembledMessage` as JavaScript gives it back, for `renderMessage`. A message built by hand may lack anything:
//! its parts then follow from `reasoning`, `text`, `refusal` and `toolCalls`, in this order.

use super::assembly::MAX_CHOICES;
use super::{Assembly, Call, Choice, FinishReason, Ids, Part, Usage};
use crate::error::{Error, Kind};
use crate::json::{Escaped, write_escaped};
use serde_json::Value;

impl Assembly {
    /// Reads the JSON of an `AssembledMessage`; its `error`, where it has one, is `{detail, provider}`. Calls without
    /// an id get one. What has a wrong type is `ERR_INVALID_OPTION`; what is missing or null is not there, but for
    /// `complete`, which is true unless it says otherwise.
    pub fn from_json(json: &[u8], ids: &mut dyn Ids) -> Result<Self, Error> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| wrong("message", "a message", &error.to_string()))?;
        let message = Object::of(&value, "message")?;
        let mut assembly = Assembly::new(0);
        assembly.id = escaped(message.text("id")?);
        assembly.model = escaped(message.text("model")?);
        assembly.ended = !matches!(message.get("complete"), Some(Value::Bool(false)));
        assembly.usage = message.object("usage")?.map(|usage| read_usage(&usage)).transpose()?;
        if let Some(error) = message.object("error")? {
            let provider =
                error.get("provider").map_or_else(|| b"null".to_vec(), |raw| raw.to_string().into_bytes());
            assembly.error = Some((provider, escaped(error.text("detail")?)));
        }
        let mut first = Choice::default();
        for part in message.objects("parts")? {
            read_part(&part, &mut first, ids)?;
        }
        if first.parts.is_empty() {
            read_texts(&message, &mut first, ids)?;
        }
        read_finish(&message, &mut first)?;
        assembly.choices.push(first);
        for (place, choice) in message.objects("choices")?.into_iter().enumerate() {
            read_choice(&choice, place, &mut assembly, ids)?;
        }
        Ok(assembly)
    }
}

/// An alternative by its index. The first one is described by the message itself; where that says nothing, by this.
fn read_choice(
    choice: &Object<'_>,
    place: usize,
    assembly: &mut Assembly,
    ids: &mut dyn Ids,
) -> Result<(), Error> {
    let index = choice.whole("index")?.map_or(place, |index| usize::try_from(index).unwrap_or(usize::MAX));
    if index >= MAX_CHOICES {
        let range = format!("a whole number below {MAX_CHOICES}");
        return Err(wrong(&format!("{}.index", choice.path), &range, &index.to_string()));
    }
    if assembly.choices.len() <= index {
        assembly.choices.resize_with(index + 1, Choice::default);
    }
    let Some(read) = assembly.choices.get_mut(index) else { return Ok(()) };
    if read.parts.is_empty() {
        read_texts(choice, read, ids)?;
    }
    if read.finish.is_none() {
        read_finish(choice, read)?;
    }
    Ok(())
}

fn read_texts(from: &Object<'_>, choice: &mut Choice, ids: &mut dyn Ids) -> Result<(), Error> {
    let mut push = |text: &str, part: fn(Vec<u8>) -> Part| {
        if !text.is_empty() {
            choice.parts.push(part(escaped(text)));
        }
    };
    push(from.text("reasoning")?, |text| Part::Reasoning(text, Vec::new()));
    push(from.text("text")?, Part::Text);
    push(from.text("refusal")?, Part::Refusal);
    for call in from.objects("toolCalls")? {
        read_call(&call, choice, ids)?;
    }
    Ok(())
}

fn read_finish(from: &Object<'_>, choice: &mut Choice) -> Result<(), Error> {
    let word = escaped(from.text("finishReason")?);
    choice.finish = (!word.is_empty()).then(|| FinishReason::read(Escaped::from_checked(&word)));
    choice.raw_finish = escaped(from.text("rawFinishReason")?);
    Ok(())
}

fn read_part(part: &Object<'_>, choice: &mut Choice, ids: &mut dyn Ids) -> Result<(), Error> {
    match part.text("type")? {
        "text" => choice.parts.push(Part::Text(escaped(part.text("text")?))),
        "refusal" => choice.parts.push(Part::Refusal(escaped(part.text("text")?))),
        "reasoning" => {
            let (text, signature) = (escaped(part.text("text")?), escaped(part.text("signature")?));
            choice.parts.push(Part::Reasoning(text, signature));
        }
        "tool_call" => {
            if let Some(call) = part.object("call")? {
                read_call(&call, choice, ids)?;
            }
        }
        "other" => {
            let raw = part.get("raw").unwrap_or(&Value::Null).to_string();
            choice.parts.push(Part::Other(raw.into_bytes()));
        }
        other => {
            let known = "one of \"text\", \"refusal\", \"reasoning\", \"tool_call\", \"other\"";
            return Err(wrong(&format!("{}.type", part.path), known, other));
        }
    }
    Ok(())
}

fn read_call(call: &Object<'_>, choice: &mut Choice, ids: &mut dyn Ids) -> Result<(), Error> {
    let id = match call.text("id")? {
        "" => escaped(&ids.call()),
        id => escaped(id),
    };
    let arguments = match call.get("arguments") {
        // a message built by hand: its maker meant their text
        Some(arguments @ Value::Object(_)) => escaped(&arguments.to_string()),
        _ => escaped(call.text("arguments")?),
    };
    let (name, signature) = (escaped(call.text("name")?), escaped(call.text("signature")?));
    choice.parts.push(Part::Call(choice.calls.len()));
    choice.calls.push(Call { id, name, arguments, signature });
    Ok(())
}

fn read_usage(usage: &Object<'_>) -> Result<Usage, Error> {
    let count = |name| Ok::<u64, Error>(usage.whole(name)?.unwrap_or_default());
    Ok(Usage {
        input: count("inputTokens")?,
        output: count("outputTokens")?,
        total: count("totalTokens")?,
        cached: count("cachedTokens")?,
        cache_creation: count("cacheCreationTokens")?,
        reasoning: count("reasoningTokens")?,
    })
}

fn escaped(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    write_escaped(text.as_bytes(), &mut out);
    out
}

fn wrong(option: &str, range: &str, value: &str) -> Error {
    Error::new(Kind::OptionType).with("option", option).with("range", range).with("value", value)
}

/// An object and where it is, for error texts.
struct Object<'a> {
    members: &'a serde_json::Map<String, Value>,
    path: String,
}

impl<'a> Object<'a> {
    fn of(value: &'a Value, path: &str) -> Result<Self, Error> {
        match value {
            Value::Object(members) => Ok(Self { members, path: path.to_owned() }),
            other => Err(wrong(path, "an object", kind_of(other))),
        }
    }

    /// The member, where it is there and not null.
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    fn text(&self, name: &str) -> Result<&'a str, Error> {
        match self.get(name) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(wrong(&self.path(name), "a string", kind_of(other))),
        }
    }

    fn whole(&self, name: &str) -> Result<Option<u64>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(&self.path(name), "a whole number of at least 0", &value.to_string())),
        }
    }

    fn object(&self, name: &str) -> Result<Option<Object<'a>>, Error> {
        self.get(name).map(|value| Object::of(value, &self.path(name))).transpose()
    }

    fn objects(&self, name: &str) -> Result<Vec<Object<'a>>, Error> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => {
                let path = self.path(name);
                let element = |(at, value)| Object::of(value, &format!("{path}[{at}]"));
                list.iter().enumerate().map(element).collect()
            }
            Some(other) => Err(wrong(&self.path(name), "an array", kind_of(other))),
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Counted(u32);
    impl Ids for Counted {
        fn message(&mut self) -> String {
            unreachable!("no message id is drawn here")
        }
        fn call(&mut self) -> String {
            self.0 += 1;
            format!("call \"{}\"", self.0)
        }
    }

    fn read(message: &Value) -> Result<Value, Error> {
        let assembly = Assembly::from_json(message.to_string().as_bytes(), &mut Counted(0))?;
        Ok(serde_json::from_slice(&assembly.to_json(assembly.ended)).unwrap())
    }

    #[test]
    fn what_native_code_wrote_is_read_back_whole() {
        let call = json!({"id":"c1","name":"f","arguments":"{\"a\":\"\\n\"}","signature":"s"});
        let message = json!({
            "parts": [
                {"type":"reasoning","text":"hm\u{2028}","signature":"sig"},
                {"type":"text","text":"a\nb\"\\"},
                {"type":"refusal","text":"no"},
                {"type":"tool_call","call":call},
                {"type":"other","raw":{"x":[1.5,null]}},
                {"type":"text","text":"c"},
            ],
            "text":"a\nb\"\\c","reasoning":"hm\u{2028}","refusal":"no","toolCalls":[call],
            "finishReason":"length","rawFinishReason":"max_tokens",
            "usage":{"inputTokens":1,"outputTokens":2,"totalTokens":9,"cachedTokens":3,"cacheCreationTokens":4,
                "reasoningTokens":5},
            "model":"m\"","id":"i","complete":false,"events":0,"error":{"provider":{"a":1},"detail":"d\n"},
            "choices":[
                {"index":0,"text":"a\nb\"\\c","reasoning":"hm\u{2028}","refusal":"no","toolCalls":[call],
                    "finishReason":"length"},
                {"index":1,"text":"other","reasoning":"","refusal":"","toolCalls":[],"finishReason":"stop"},
            ],
        });
        assert_eq!(read(&message).unwrap(), message);
    }

    #[test]
    fn a_message_built_by_hand_gets_what_it_lacks() {
        let calls = json!([{"name":"f","arguments":{"a":1}},{"id":"own","name":"g"}]);
        let read = read(&json!({"text":"t","reasoning":"r","toolCalls":calls,"usage":null})).unwrap();
        let first = json!({"id":"call \"1\"","name":"f","arguments":"{\"a\":1}"});
        let second = json!({"id":"own","name":"g","arguments":""});
        let parts = json!([{"type":"reasoning","text":"r"},{"type":"text","text":"t"},
            {"type":"tool_call","call":first},{"type":"tool_call","call":second}]);
        assert_eq!(read["parts"], parts);
        assert_eq!((&read["complete"], &read["usage"]), (&json!(true), &Value::Null));
    }

    #[test]
    fn choices_alone_are_enough() {
        let read = read(&json!({"choices":[{"text":"a","finishReason":"stop"},{"text":"b"}]})).unwrap();
        assert_eq!(read["text"], "a");
        assert_eq!(read["finishReason"], "stop");
        assert_eq!(read["choices"][1]["text"], "b");
    }

    #[test]
    fn wrong_types_are_named() {
        for (message, option) in [
            (json!([]), "message"),
            (json!({"text":1}), "message.text"),
            (json!({"parts":[{"type":"text","text":[]}]}), "message.parts[0].text"),
            (json!({"parts":[{"type":"image"}]}), "message.parts[0].type"),
            (json!({"usage":{"inputTokens":-1}}), "message.usage.inputTokens"),
            (json!({"choices":[{"index":1e9}]}), "message.choices[0].index"),
            (json!({"choices":[{"index":4_000_000_000u32}]}), "message.choices[0].index"),
        ] {
            let error = read(&message).unwrap_err();
            assert_eq!(error.kind, Kind::OptionType);
            assert!(error.message().starts_with(&format!("{option} must be")), "{error}");
        }
    }
}
