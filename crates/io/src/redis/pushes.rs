//! What the server sends unasked, told inside the push sender's own call: before any later reply is.

use super::fault::fault;
use super::node::Node;
use super::shared::Shared;
use redis::aio::{AsyncPushSender, SendError};
use redis::{PushInfo, PushKind, Value};
use std::sync::{Arc, Weak};

/// The pushes of one connection.
pub(super) struct Pushes {
    shared: Weak<Shared>,
    node: Weak<Node>,
    generation: u64,
}
impl Pushes {
    pub fn new(shared: &Arc<Shared>, node: &Arc<Node>, generation: u64) -> Self {
        Self { shared: Arc::downgrade(shared), node: Arc::downgrade(node), generation }
    }
}
impl AsyncPushSender for Pushes {
    fn send(&self, push: PushInfo) -> Result<(), SendError> {
        let (Some(shared), Some(node)) = (self.shared.upgrade(), self.node.upgrade()) else { return Ok(()) };
        if shared.is_closed() || !node.is_current(self.generation) {
            return Ok(());
        }
        match push.kind {
            PushKind::Disconnection => {
                node.lost(&shared, self.generation, &fault("the connection was closed"));
            }
            PushKind::Invalidate => invalidated(&shared, &push.data),
            PushKind::Message => {
                if let [Value::BulkString(channel), Value::BulkString(payload)] = push.data.as_slice()
                    && channel[..] == shared.channel[..]
                {
                    shared.on_message(payload);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn invalidated(shared: &Shared, data: &[Value]) {
    let Some(Value::Array(keys)) = data.first() else {
        // FLUSHALL, FLUSHDB
        return shared.listener.changed(None);
    };
    let keys: Vec<&[u8]> = keys
        .iter()
        .filter_map(|key| match key {
            Value::BulkString(key) => shared.caller_key(key),
            _ => None,
        })
        .collect();
    if !keys.is_empty() {
        shared.listener.changed(Some(&keys));
    }
}
