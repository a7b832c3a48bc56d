//! OpenAI responses: numbered events about the items of one response and their contents, each begun, told piece by
//! piece and told whole, and the whole response at the end. There is one alternative only; the signature of reasoning
//! is its item's `encrypted_content`, signatures of calls (Gemini's) are dropped.

use super::calls::Calls;
use super::items::{self, Kind, Status};
use super::{Context, Write, arguments, last_is_call, own, part_count, put, put_number};
use crate::json::Escaped;
use crate::stream::{Delta, Failure, Part};

/// Writes OpenAI responses events.
#[derive(Debug, Default)]
pub struct OpenaiResponses {
    /// The number of the next event.
    sequence: u64,
    /// The number of the next item.
    next: u32,
    open: Option<Item>,
    /// Deltas of the content that began last, up to their text.
    delta_head: Vec<u8>,
    calls: Calls,
    /// The item of each call.
    call_outputs: Vec<u32>,
}

/// The open message or reasoning.
#[derive(Debug, Clone, Copy)]
struct Item {
    kind: Kind,
    output: u32,
    /// The message's parts before it, and with its last one.
    first: usize,
    parts: usize,
    /// Its contents so far, and whether the last one is open.
    contents: u32,
    content_open: bool,
    /// A signature ended it: what follows is another item.
    sealed: bool,
}

impl OpenaiResponses {
    /// A piece of the part that is the message's last.
    #[inline]
    fn say(&mut self, kind: Kind, text: Escaped<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        let parts = part_count(context);
        if !self.open.is_some_and(|item| item.content_open && item.parts == parts) {
            self.begin_content(kind, parts, context, out);
        }
        put(out, &[&self.delta_head, text.bytes(), b"\""]);
        self.end_event(out);
    }

    fn begin_event(&self, event: &str, out: &mut Vec<u8>) {
        let event = event.as_bytes();
        put(out, &[b"event: ", event, b"\ndata: {\"type\":\"", event, b"\""]);
    }

    #[inline]
    fn end_event(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"sequence_number\":");
        put_number(out, self.sequence);
        out.extend_from_slice(b"}\n\n");
        self.sequence += 1;
    }

    fn lifecycle(&mut self, event: &str, status: Status, context: &Context<'_>, out: &mut Vec<u8>) {
        self.begin_event(event, out);
        out.extend_from_slice(b",\"response\":");
        items::write_response(status, context, out);
        self.end_event(out);
    }

    /// Ends what the next item ends, and numbers that.
    fn next_item(&mut self, context: &Context<'_>, out: &mut Vec<u8>) -> u32 {
        if self.sequence == 0 {
            self.lifecycle("response.created", Status::InProgress, context, out);
            self.lifecycle("response.in_progress", Status::InProgress, context, out);
        }
        self.close_item(context, out);
        if let Some(call) = self.calls.end_last(0, context) {
            self.say_call_done(call, context, out);
        }
        let output = self.next;
        self.next += 1;
        output
    }

    fn begin_added(&mut self, kind: Kind, output: u32, context: &Context<'_>, out: &mut Vec<u8>) {
        self.begin_event("response.output_item.added", out);
        out.extend_from_slice(b",\"output_index\":");
        put_number(out, output);
        out.extend_from_slice(b",\"item\":");
        items::write_added(kind, output, context, out);
    }

    /// The item that a part of that kind belongs to: the open one or a new one.
    fn item_for(&mut self, kind: Kind, parts: usize, context: &Context<'_>, out: &mut Vec<u8>) -> Item {
        match self.open {
            Some(item) if item.kind == kind && (!item.sealed || item.parts == parts) => item,
            _ => {
                let output = self.next_item(context, out);
                self.begin_added(kind, output, context, out);
                self.end_event(out);
                let first = parts.saturating_sub(1);
                Item { kind, output, first, parts, contents: 0, content_open: false, sealed: false }
            }
        }
    }

    fn begin_content(&mut self, kind: Kind, parts: usize, context: &Context<'_>, out: &mut Vec<u8>) {
        let mut item = self.item_for(kind, parts, context, out);
        self.close_content(&mut item, context, out);
        item.parts = parts;
        item.content_open = true;
        let words = Words::of(kind, part_at(context, parts));
        self.begin_event(words.added, out);
        self.put_place(&words, &item, context, out);
        put(out, &[b",\"part\":", words.empty]);
        self.end_event(out);
        let mut head = std::mem::take(&mut self.delta_head);
        head.clear();
        self.begin_event(words.delta, &mut head);
        self.put_place(&words, &item, context, &mut head);
        put(&mut head, &[words.delta_member]);
        self.delta_head = head;
        item.contents += 1;
        self.open = Some(item);
    }

    /// `,"item_id":…,"output_index":…,"content_index":…` of the content that comes next.
    fn put_place(&self, words: &Words, item: &Item, context: &Context<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"item_id\":");
        items::write_id(item.kind, item.output, context, out);
        out.extend_from_slice(b",\"output_index\":");
        put_number(out, item.output);
        out.extend_from_slice(words.index);
        put_number(out, item.contents);
    }

    fn close_content(&mut self, item: &mut Item, context: &Context<'_>, out: &mut Vec<u8>) {
        let Some(part) = part_at(context, item.parts).filter(|_| item.content_open) else { return };
        let words = Words::of(item.kind, Some(part));
        let place = Item { contents: item.contents.saturating_sub(1), ..*item };
        self.begin_event(words.text_done, out);
        self.put_place(&words, &place, context, out);
        if let Part::Text(text) | Part::Refusal(text) | Part::Reasoning(text, _) = part {
            put(out, &[words.text_member, text, b"\""]);
        }
        self.end_event(out);
        self.begin_event(words.part_done, out);
        self.put_place(&words, &place, context, out);
        out.extend_from_slice(b",\"part\":");
        items::write_content(part, out);
        items::write_summary(part, out);
        self.end_event(out);
        item.content_open = false;
    }

    fn close_item(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        let Some(mut item) = self.open.take() else { return };
        self.close_content(&mut item, context, out);
        let parts = context.message.first().and_then(|choice| choice.parts.get(item.first..item.parts));
        self.item_done(item.kind, parts.unwrap_or_default(), item.output, context, out);
    }

    fn item_done(
        &mut self,
        kind: Kind,
        parts: &[Part],
        output: u32,
        context: &Context<'_>,
        out: &mut Vec<u8>,
    ) {
        self.begin_event("response.output_item.done", out);
        out.extend_from_slice(b",\"output_index\":");
        put_number(out, output);
        out.extend_from_slice(b",\"item\":");
        items::write_item(kind, parts, output, context, out);
        self.end_event(out);
    }

    /// An event about an item that is whole from the start.
    fn say_item(&mut self, event: &str, raw: &[u8], output: u32, out: &mut Vec<u8>) {
        self.begin_event(event, out);
        out.extend_from_slice(b",\"output_index\":");
        put_number(out, output);
        out.extend_from_slice(b",\"item\":");
        arguments::write_compact(raw, out);
        self.end_event(out);
    }

    /// `event` about a call, up to what comes behind its place.
    fn begin_call_event(&self, event: &str, output: u32, context: &Context<'_>, out: &mut Vec<u8>) {
        self.begin_event(event, out);
        out.extend_from_slice(b",\"item_id\":");
        items::write_id(Kind::Call, output, context, out);
        out.extend_from_slice(b",\"output_index\":");
        put_number(out, output);
    }

    fn say_arguments(&mut self, output: u32, fragment: &[u8], context: &Context<'_>, out: &mut Vec<u8>) {
        self.begin_call_event("response.function_call_arguments.delta", output, context, out);
        put(out, &[b",\"delta\":\"", fragment, b"\""]);
        self.end_event(out);
    }

    fn say_call_done(&mut self, number: usize, context: &Context<'_>, out: &mut Vec<u8>) {
        let call = context.message.first().and_then(|choice| choice.calls.get(number));
        let (Some(&output), Some(call)) = (self.call_outputs.get(number), call) else { return };
        if call.arguments.is_empty() {
            self.say_arguments(output, items::whole_arguments(call), context, out);
        }
        self.begin_call_event("response.function_call_arguments.done", output, context, out);
        put(out, &[b",\"name\":\"", &call.name, b"\",\"arguments\":\"", items::whole_arguments(call), b"\""]);
        self.end_event(out);
        self.item_done(Kind::Call, &[Part::Call(number)], output, context, out);
    }

    fn end_call(&mut self, call: usize, context: &Context<'_>, out: &mut Vec<u8>) {
        if self.calls.end(call) {
            self.say_call_done(call, context, out);
        }
    }
}

impl Write for OpenaiResponses {
    #[inline]
    fn write(&mut self, delta: &Delta<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        match *delta {
            Delta::Text { choice: 0, text } | Delta::Refusal { choice: 0, text } => {
                self.say(Kind::Message, text, context, out);
            }
            Delta::Reasoning { choice: 0, text } => self.say(Kind::Reasoning, text, context, out),
            Delta::Signature { choice: 0, .. } => {
                if last_is_call(context.message.first()) {
                    return;
                }
                let parts = part_count(context);
                let mut item = self.item_for(Kind::Reasoning, parts, context, out);
                if item.parts != parts {
                    self.close_content(&mut item, context, out);
                    item.parts = parts;
                }
                item.sealed = true;
                self.open = Some(item);
            }
            Delta::Break { choice: 0 } => {
                if let Some(mut item) = self.open {
                    self.close_content(&mut item, context, out);
                    self.open = Some(item);
                }
            }
            Delta::Call { choice: 0, id, name, .. } => {
                let output = self.next_item(context, out);
                self.calls.begin();
                self.call_outputs.push(output);
                self.begin_added(Kind::Call, output, context, out);
                items::write_callee(id.bytes(), name.bytes(), out);
                out.push(b'}');
                self.end_event(out);
            }
            Delta::Arguments { choice: 0, call, fragment } => {
                let call = call as usize;
                let Some(&output) = self.call_outputs.get(call).filter(|_| self.calls.is_open(call)) else {
                    return;
                };
                self.say_arguments(output, fragment.bytes(), context, out);
            }
            Delta::Other { choice: 0, raw } if own::is_openai_responses(raw) => {
                let output = self.next_item(context, out);
                self.say_item("response.output_item.added", raw, output, out);
                self.say_item("response.output_item.done", raw, output, out);
            }
            Delta::CallEnd { choice: 0, call } => self.end_call(call as usize, context, out),
            _ => {}
        }
    }

    fn finish(&mut self, context: &Context<'_>, out: &mut Vec<u8>) {
        if self.sequence == 0 {
            self.lifecycle("response.created", Status::InProgress, context, out);
            self.lifecycle("response.in_progress", Status::InProgress, context, out);
        }
        self.close_item(context, out);
        for call in 0..self.calls.len() {
            self.end_call(call, context, out);
        }
        let status = Status::of(context);
        self.lifecycle(&format!("response.{}", status.name()), status, context, out);
    }

    /// OpenAI's documents and its service disagree about where the members of an `error` event are: in both places.
    fn fail(&mut self, failure: &Failure<'_>, _context: &Context<'_>, out: &mut Vec<u8>) {
        self.begin_event("error", out);
        out.push(b',');
        items::write_error_members(failure, out);
        out.extend_from_slice(b",\"error\":");
        write_error_object(failure, out);
        self.end_event(out);
    }
}

fn write_error_object(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let kind = if failure.kind.is_empty() { b"server_error" } else { failure.kind.bytes() };
    put(out, &[b"{\"type\":\"", kind, b"\","]);
    items::write_error_members(failure, out);
    out.push(b'}');
}

/// `{"error":{…}}`, for a whole response.
pub fn write_error(failure: &Failure<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"error\":");
    write_error_object(failure, out);
    out.push(b'}');
}

/// The part that was the last one when there were so many.
fn part_at<'a>(context: &Context<'a>, parts: usize) -> Option<&'a Part> {
    context.message.first().and_then(|choice| choice.parts.get(parts.checked_sub(1)?))
}

/// The dialect's words for a kind of content.
struct Words {
    added: &'static str,
    delta: &'static str,
    text_done: &'static str,
    part_done: &'static str,
    index: &'static [u8],
    empty: &'static [u8],
    delta_member: &'static [u8],
    text_member: &'static [u8],
}

impl Words {
    fn of(kind: Kind, part: Option<&Part>) -> Self {
        match (kind, part) {
            (Kind::Reasoning, _) => Self {
                added: "response.reasoning_summary_part.added",
                delta: "response.reasoning_summary_text.delta",
                text_done: "response.reasoning_summary_text.done",
                part_done: "response.reasoning_summary_part.done",
                index: b",\"summary_index\":",
                empty: b"{\"type\":\"summary_text\",\"text\":\"\"}",
                delta_member: b",\"delta\":\"",
                text_member: b",\"text\":\"",
            },
            (_, Some(Part::Refusal(_))) => Self {
                added: "response.content_part.added",
                delta: "response.refusal.delta",
                text_done: "response.refusal.done",
                part_done: "response.content_part.done",
                index: b",\"content_index\":",
                empty: b"{\"type\":\"refusal\",\"refusal\":\"\"}",
                delta_member: b",\"delta\":\"",
                text_member: b",\"refusal\":\"",
            },
            _ => Self {
                added: "response.content_part.added",
                delta: "response.output_text.delta",
                text_done: "response.output_text.done",
                part_done: "response.content_part.done",
                index: b",\"content_index\":",
                empty: b"{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"\"}",
                delta_member: b",\"logprobs\":[],\"delta\":\"",
                text_member: b",\"logprobs\":[],\"text\":\"",
            },
        }
    }
}

#[cfg(test)]
mod tests;
