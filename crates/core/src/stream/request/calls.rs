//! Ids and names of calls and their results: results are matched by id, else by name and order, else by order.

use super::model::{Call, Message, Part, ToolResult};
use crate::stream::Ids;
use std::collections::{HashMap, VecDeque};

/// Calls so far that a result may answer.
#[derive(Default)]
struct Open {
    calls: Vec<(Option<String>, String, bool)>,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, VecDeque<usize>>,
    in_order: VecDeque<usize>,
}

impl Open {
    fn add(&mut self, call: &Call) {
        let number = self.calls.len();
        self.calls.push((call.id.clone(), call.name.clone(), false));
        if let Some(id) = &call.id {
            self.by_id.insert(id.clone(), number); // some clients use an id again: the latest call counts
        }
        self.by_name.entry(call.name.clone()).or_default().push_back(number);
        self.in_order.push_back(number);
    }
    fn find(&mut self, result: &ToolResult) -> Option<usize> {
        if let Some(id) = &result.id {
            return self.by_id.get(id).copied();
        }
        let queue = match &result.name {
            Some(name) => self.by_name.get_mut(name)?,
            None => &mut self.in_order,
        };
        while let Some(number) = queue.pop_front() {
            if self.calls.get(number).is_some_and(|(_, _, answered)| !answered) {
                return Some(number);
            }
        }
        None
    }
}

/// Gives results the name and id of their call, and with `ids` each call that has none a new id.
pub fn complete(messages: &mut [Message], mut ids: Option<&mut dyn Ids>) {
    let mut open = Open::default();
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        match &mut part.value {
            Part::Call(call) => {
                if call.id.is_none() {
                    call.id = ids.as_mut().map(|ids| ids.call());
                }
                open.add(call);
            }
            Part::Result(result) => {
                if let Some(call) = open.find(result).and_then(|number| open.calls.get_mut(number)) {
                    call.2 = true;
                    result.id = result.id.take().or_else(|| call.0.clone());
                    result.name = Some(call.1.clone());
                }
                if result.id.is_none() {
                    result.id = ids.as_mut().map(|ids| ids.call());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{At, Role};
    use super::*;

    struct Counter(u32);
    impl Ids for Counter {
        fn message(&mut self) -> String {
            String::new()
        }
        fn call(&mut self) -> String {
            self.0 += 1;
            format!("new{}", self.0)
        }
    }
    fn call(id: Option<&str>, name: &str) -> Part {
        let (id, name) = (id.map(str::to_owned), name.to_owned());
        Part::Call(Call { id, name, arguments: String::new(), signature: None })
    }
    fn result(id: Option<&str>, name: Option<&str>) -> Part {
        let (id, name) = (id.map(str::to_owned), name.map(str::to_owned));
        Part::Result(ToolResult { id, name, content: Vec::new(), is_error: false })
    }
    fn completed(parts: Vec<Part>) -> Vec<(Option<String>, Option<String>)> {
        let parts = parts.into_iter().map(|part| At::new(part, "")).collect();
        let mut messages = [Message { role: Role::User, parts }];
        complete(&mut messages, Some(&mut Counter(0)));
        messages[0]
            .parts
            .iter()
            .map(|part| match &part.value {
                Part::Call(call) => (call.id.clone(), Some(call.name.clone())),
                Part::Result(result) => (result.id.clone(), result.name.clone()),
                _ => unreachable!(),
            })
            .collect()
    }
    fn pair(id: &str, name: &str) -> (Option<String>, Option<String>) {
        (Some(id.to_owned()), Some(name.to_owned()))
    }

    #[test]
    fn results_without_ids_answer_by_name_and_order() {
        let parts = vec![
            call(None, "f"),
            call(None, "g"),
            call(None, "f"),
            result(None, Some("g")),
            result(None, Some("f")),
            result(None, Some("f")),
        ];
        assert_eq!(completed(parts)[3..], [pair("new2", "g"), pair("new1", "f"), pair("new3", "f")]);
        let parts = vec![call(Some("a"), "f"), call(None, "g"), result(None, None), result(None, None)];
        assert_eq!(completed(parts)[2..], [pair("a", "f"), pair("new1", "g")]);
    }

    #[test]
    fn results_with_ids_learn_the_name_of_the_latest_call_of_that_id() {
        let parts = vec![
            call(Some("0"), "f"),
            result(Some("0"), None),
            call(Some("0"), "g"),
            result(Some("0"), None),
            result(Some("x"), None),
        ];
        let out = completed(parts);
        assert_eq!((&out[1], &out[3]), (&pair("0", "f"), &pair("0", "g")));
        assert_eq!(out[4], (Some("x".to_owned()), None));
    }
}
