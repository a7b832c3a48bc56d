//! What a node missed, made good before calls may use it again.

use super::node::Node;
use super::shared::Shared;
use super::{sweep, write};
use bytes::Bytes;
use sluice_core::cache::channel::Notice;
use sluice_core::cache::missed::{Owed, Wide};
use sluice_core::error::Error;
use std::sync::Arc;

/// Until nothing is owed. Nothing else runs between the last look and the return.
pub(super) async fn all(shared: &Arc<Shared>, node: &Arc<Node>) -> Result<(), Error> {
    loop {
        let Some(owed) = node.missed.lock().take() else { return Ok(()) };
        if let Err(why) = make_good(shared, node, &owed).await {
            node.missed.lock().put_back(owed);
            return Err(why);
        }
    }
}
async fn make_good(shared: &Arc<Shared>, node: &Arc<Node>, owed: &Owed) -> Result<(), Error> {
    let origin = shared.origin();
    match owed {
        Owed::Everything => {
            sweep::node_pattern(shared, node, b"*", true).await?;
            sweep::publish(shared, &origin, &Notice::Prefix(b""), true).await
        }
        Owed::Some { keys, wide } => {
            write::remove_keys(shared, keys, &origin, true, None).await?;
            for wide in wide {
                one(shared, node, wide, &origin).await?;
            }
            Ok(())
        }
    }
}
async fn one(shared: &Arc<Shared>, node: &Arc<Node>, wide: &Wide, origin: &Bytes) -> Result<(), Error> {
    match wide {
        Wide::Pattern(glob) => {
            sweep::node_pattern(shared, node, glob, true).await?;
            sweep::publish(shared, origin, &Notice::Pattern(glob), true).await
        }
        Wide::Prefix(prefix) => {
            sweep::node_pattern(shared, node, &sweep::beginning(prefix), true).await?;
            sweep::publish(shared, origin, &Notice::Prefix(prefix), true).await
        }
        Wide::Tag(tag) => sweep::tag(shared, tag, origin, true).await.map(|_| ()),
    }
}
