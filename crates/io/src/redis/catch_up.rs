//! What a node missed, made good before calls may use it again.

use super::node::Node;
use super::shared::Shared;
use super::{sweep, write};
use bytes::Bytes;
use sluice_core::cache::channel::Notice;
use sluice_core::cache::missed::{Owed, Wide};
use sluice_core::error::Error;
use std::sync::Arc;

/// Keys that are invalidated within the time of one call.
const AT_ONCE: usize = 2_000;

/// Until nothing is owed. Nothing else runs between the last look and the return.
pub(super) async fn all(shared: &Arc<Shared>, node: &Arc<Node>) -> Result<(), Error> {
    loop {
        let Some(owed) = node.missed.lock().take() else { return Ok(()) };
        let origin = shared.origin();
        let (outcome, left) = match owed {
            Owed::Everything => (everything(shared, node, &origin).await, Owed::Everything),
            Owed::Some { keys, wide } => some(shared, node, &origin, keys, wide).await,
        };
        if let Err(why) = outcome {
            node.missed.lock().put_back(left);
            return Err(why);
        }
    }
}
async fn everything(shared: &Arc<Shared>, node: &Arc<Node>, origin: &Bytes) -> Result<(), Error> {
    sweep::node_pattern(shared, node, b"*", origin, true).await?;
    sweep::publish(shared, origin, &Notice::Prefix(b""), true).await
}
/// How it went, and what is left of it.
async fn some(
    shared: &Arc<Shared>,
    node: &Arc<Node>,
    origin: &Bytes,
    mut keys: Vec<Bytes>,
    mut wide: Vec<Wide>,
) -> (Result<(), Error>, Owed) {
    while !keys.is_empty() {
        let rest = keys.len().saturating_sub(AT_ONCE);
        let now = keys.get(rest..).unwrap_or_default();
        if let Err(why) = write::remove_keys(shared, now, origin, true, None).await {
            return (Err(why), Owed::Some { keys, wide });
        }
        keys.truncate(rest);
    }
    while let Some(next) = wide.last() {
        if let Err(why) = one(shared, node, next, origin).await {
            return (Err(why), Owed::Some { keys, wide });
        }
        wide.pop();
    }
    (Ok(()), Owed::Some { keys, wide })
}
async fn one(shared: &Arc<Shared>, node: &Arc<Node>, wide: &Wide, origin: &Bytes) -> Result<(), Error> {
    match wide {
        Wide::Pattern(glob) => {
            sweep::node_pattern(shared, node, glob, origin, true).await?;
            sweep::publish(shared, origin, &Notice::Pattern(glob), true).await
        }
        Wide::Prefix(prefix) => {
            sweep::node_pattern(shared, node, &sweep::beginning(prefix), origin, true).await?;
            sweep::publish(shared, origin, &Notice::Prefix(prefix), true).await
        }
        Wide::Tag(tag) => sweep::tag(shared, tag, origin, true).await.map(|_| ()),
    }
}
