//! Events that are kept for hooks until somebody takes them.

use super::Event;
use crate::body::is_json;

/// Which side of the stream an event is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// As the provider sent it.
    Upstream,
    /// As the client gets it.
    Client,
}

/// A list of JSON texts, as the inside of an array.
#[derive(Debug, Default)]
pub struct Kept {
    json: Vec<u8>,
    max_bytes: usize,
}

impl Kept {
    /// Keeps at most so many bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self { json: Vec::new(), max_bytes }
    }

    /// Adds an event's payload, or says that there is no room. Payloads that are not JSON are no objects to hand out.
    pub fn add(&mut self, event: &Event<'_>) -> Result<(), String> {
        if event.data.trim_ascii_start().first() != Some(&b'{') || !is_json(event.data) {
            return Ok(());
        }
        if self.json.len() + event.data.len() > self.max_bytes {
            return Err(format!(
                "events for takeEvents() hold more than {} bytes: take them",
                self.max_bytes
            ));
        }
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        self.json.extend_from_slice(event.data);
        Ok(())
    }

    /// Everything since the last call, as a JSON array.
    pub fn take(&mut self) -> Vec<u8> {
        let mut array = Vec::with_capacity(self.json.len() + 2);
        array.push(b'[');
        array.append(&mut self.json);
        array.push(b']');
        array
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_kept() {
        let mut kept = Kept::new(1000);
        for data in [&br#"{"a":1}"#[..], br#"{"a"z1}"#, b"[DONE]", b"{\"a\":\"\x01\"}", br#"{"b":{}}"#] {
            kept.add(&Event { data, ..Event::default() }).unwrap();
        }
        assert_eq!(kept.take(), br#"[{"a":1},{"b":{}}]"#);
    }
}
