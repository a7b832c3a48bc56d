//! A value of the source body with its pointer, read with types checked.

use super::model::At;
use crate::error::{Error, Kind};
use serde_json::{Map, Number, Value};

/// A value of the source body.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// The value.
    pub value: &'a Value,
    /// Where it is.
    pub pointer: String,
}

/// What a value is called in error texts.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) => number.to_string().chars().take(40).collect(),
        Value::String(text) => {
            let start: String = text.chars().take(40).collect();
            format!("{start:?}")
        }
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The error for a body whose value at a place is not what the dialect has there.
pub fn wrong(pointer: &str, expected: &str, got: &str) -> Error {
    let place = if pointer.is_empty() { String::new() } else { format!(" at {pointer}") };
    Error::new(Kind::OptionType)
        .with("option", "body")
        .with("range", format!("{expected}{place}"))
        .with("value", got)
        .with("pointer", pointer)
}

/// `systemInstruction` as `system_instruction`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

impl<'a> Node<'a> {
    /// The whole body.
    pub fn root(value: &'a Value) -> Self {
        Self { value, pointer: String::new() }
    }
    /// Fails, naming what should be here.
    pub fn expected<T>(&self, expected: &str) -> Result<T, Error> {
        Err(wrong(&self.pointer, expected, &shown(self.value)))
    }
    /// An object's member; null counts as absent, and so does any member of what is not an object.
    pub fn get(&self, name: &str) -> Option<Node<'a>> {
        let value = self.value.as_object()?.get(name).filter(|value| !value.is_null())?;
        let name = name.replace('~', "~0").replace('/', "~1");
        Some(Node { value, pointer: format!("{}/{name}", self.pointer) })
    }
    /// A member by its camelCase name or the same in snake_case, as Google's APIs accept both.
    pub fn either(&self, name: &str) -> Option<Node<'a>> {
        self.get(name).or_else(|| self.get(&snake(name)))
    }
    /// A member that must be there.
    pub fn required(&self, name: &str, expected: &str) -> Result<Node<'a>, Error> {
        self.get(name).ok_or_else(|| wrong(&format!("{}/{name}", self.pointer), expected, "undefined"))
    }
    /// The members' names.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.value.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
    }
    /// The elements.
    pub fn elements(&self) -> Result<Vec<Node<'a>>, Error> {
        let Some(list) = self.value.as_array() else { return self.expected("an array") };
        let nodes = list.iter().enumerate();
        Ok(nodes.map(|(at, value)| Node { value, pointer: format!("{}/{at}", self.pointer) }).collect())
    }
    /// The elements, of which a value that is no array is the only one.
    pub fn one_or_many(&self) -> Result<Vec<Node<'a>>, Error> {
        if self.value.is_array() { self.elements() } else { Ok(vec![self.clone()]) }
    }
    /// Checks that this is an object.
    pub fn object(self) -> Result<Self, Error> {
        if self.value.is_object() { Ok(self) } else { self.expected("an object") }
    }
    /// A string.
    pub fn text(&self) -> Result<&'a str, Error> {
        match self.value.as_str() {
            Some(text) => Ok(text),
            None => self.expected("a string"),
        }
    }
    /// A boolean.
    pub fn boolean(&self) -> Result<bool, Error> {
        match self.value.as_bool() {
            Some(value) => Ok(value),
            None => self.expected("a boolean"),
        }
    }
    /// A number, as it is written.
    pub fn number(&self) -> Result<At<Number>, Error> {
        match self.value {
            Value::Number(number) => Ok(At::new(number.clone(), self.pointer.clone())),
            _ => self.expected("a number"),
        }
    }
    /// A whole number, possibly negative.
    pub fn whole(&self) -> Result<i64, Error> {
        let number = self.value.as_number();
        let whole = number.and_then(|number| {
            let float = || number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64);
            number.as_i64().or_else(float)
        });
        match whole {
            Some(whole) => Ok(whole),
            None => self.expected("a whole number"),
        }
    }
    /// The string member of that name, when there is one.
    pub fn text_of(&self, name: &str) -> Result<Option<&'a str>, Error> {
        self.get(name).map(|node| node.text()).transpose()
    }
    /// The boolean member of that name, when there is one.
    pub fn boolean_of(&self, name: &str) -> Result<Option<bool>, Error> {
        self.get(name).map(|node| node.boolean()).transpose()
    }
    /// The number of that name, when there is one.
    pub fn number_of(&self, name: &str) -> Result<Option<At<Number>>, Error> {
        self.get(name).map(|node| node.number()).transpose()
    }
    /// The limit of that name, when there is one: a negative one, as Ollama has, is none.
    pub fn limit_of(&self, name: &str) -> Result<Option<At<u64>>, Error> {
        let Some(node) = self.get(name) else { return Ok(None) };
        Ok(u64::try_from(node.whole()?).ok().map(|limit| At::new(limit, node.pointer)))
    }
    /// A string or a list of them.
    pub fn texts(&self) -> Result<At<Vec<String>>, Error> {
        let texts =
            self.one_or_many()?.iter().map(|node| node.text().map(str::to_owned)).collect::<Result<_, _>>();
        Ok(At::new(texts?, self.pointer.clone()))
    }
    /// The value here, at this place.
    pub fn at<T>(&self, value: T) -> At<T> {
        At::new(value, self.pointer.clone())
    }
}
