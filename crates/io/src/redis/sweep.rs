//! What is found by walking: SCAN and UNLINK in steps on each master, the members of tags, lists of keys.

use super::call::{Commands, Fail, connection_of};
use super::fault::{checked, down, int_of};
use super::node::Node;
use super::route::{Sending, Unit, only, send};
use super::shared::Shared;
use super::write;
use bytes::Bytes;
use futures_util::future::join_all;
use redis::{Cmd, Pipeline, Value, cmd};
use sluice_core::cache::channel::{self, Notice};
use sluice_core::cache::glob::{self, Rest};
use sluice_core::cache::missed::Wide;
use sluice_core::cache::wire::{self, Peek};
use sluice_core::error::Error;
use std::collections::HashSet;
use std::sync::Arc;

/// Keys that one step looks at.
const STEP: usize = 1_000;
/// Bytes of a value that most often hold its whole head.
const HEAD: usize = 512;

/// The set of the members of a tag.
pub(super) fn tag_key(shared: &Shared, tag: &str) -> Vec<u8> {
    [&shared.prefix[..], b"\x01t:", tag.as_bytes()].concat()
}
/// The glob of what begins so.
pub(super) fn beginning(prefix: &[u8]) -> Vec<u8> {
    let mut glob = Vec::with_capacity(prefix.len() + 1);
    glob::escape(prefix, &mut glob);
    glob.push(b'*');
    glob
}

/// One command to one master, with the time of a call.
async fn ask(shared: &Shared, node: &Node, internal: bool, command: &Cmd) -> Result<Value, Error> {
    let until = shared.until();
    let asked = async {
        let connection = connection_of(node, internal, until).await?;
        node.call(shared, &connection, Commands::One(command), until).await
    };
    let mut replies = asked.await.map_err(Fail::into_error)?;
    checked(replies.pop().ok_or_else(down)?)
}
/// A step of SCAN or SSCAN: the next cursor and what was found.
fn step(reply: Value) -> Option<(u64, Vec<Vec<u8>>)> {
    let Value::Array(parts) = reply else { return None };
    let mut parts = parts.into_iter();
    let cursor = u64::try_from(int_of(&parts.next()?)?).ok()?;
    let found = match parts.next()? {
        Value::Array(found) | Value::Set(found) => found,
        _ => return None,
    };
    let bytes = |value| match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    };
    Some((cursor, found.into_iter().filter_map(bytes).collect()))
}
async fn scan_step(
    shared: &Shared,
    node: &Node,
    internal: bool,
    cursor: u64,
    glob: &[u8],
) -> Result<(u64, Vec<Vec<u8>>), Error> {
    let mut match_glob = Vec::with_capacity(shared.prefix.len() + glob.len());
    glob::escape(&shared.prefix, &mut match_glob);
    match_glob.extend_from_slice(glob);
    let mut scan = cmd("SCAN");
    scan.arg(cursor).arg("MATCH").arg(match_glob).arg("COUNT").arg(STEP);
    let (cursor, mut found) = step(ask(shared, node, internal, &scan).await?).ok_or_else(down)?;
    found.retain(|full| shared.caller_key(full).is_some_and(|key| glob::matches(glob, key)));
    Ok((cursor, found))
}

/// Unlinks what matches on one master; how many.
pub(super) async fn node_pattern(
    shared: &Shared,
    node: &Arc<Node>,
    glob: &[u8],
    origin: &[u8],
    internal: bool,
) -> Result<u64, Error> {
    let (mut cursor, mut removed) = (0, 0);
    loop {
        let (next, found) = scan_step(shared, node, internal, cursor, glob).await?;
        removed += unlink(shared, node, origin, internal, &found).await?;
        cursor = next;
        if cursor == 0 {
            return Ok(removed);
        }
    }
}
/// Unlinks full keys that lie on one master, and tells the channel of these at once: another host's disk must not fill
/// Redis again before it hears of the pattern.
async fn unlink(
    shared: &Shared,
    node: &Node,
    origin: &[u8],
    internal: bool,
    keys: &[Vec<u8>],
) -> Result<u64, Error> {
    if keys.is_empty() {
        return Ok(0);
    }
    let until = shared.until();
    let mut pipeline = Pipeline::new();
    if shared.is_cluster() {
        keys.iter().for_each(|key| {
            pipeline.cmd("UNLINK").arg(key.as_slice());
        });
    } else {
        pipeline.cmd("UNLINK").arg(keys);
    }
    let unlinks = pipeline.len();
    if shared.publishes() {
        let names: Vec<&[u8]> = keys.iter().filter_map(|full| shared.caller_key(full)).collect();
        pipeline.add_command(write::message(shared, origin, &names));
    }
    let connection = connection_of(node, internal, until).await.map_err(Fail::into_error)?;
    let sent = node.call(shared, &connection, Commands::Many(&pipeline), until).await;
    let mut removed = 0;
    for (index, reply) in sent.map_err(Fail::into_error)?.into_iter().enumerate() {
        let count = int_of(&checked(reply)?).unwrap_or(0).unsigned_abs();
        removed += if index < unlinks { count } else { 0 };
    }
    Ok(removed)
}

/// Unlinks what matches on all masters, and tells the channel.
pub(super) async fn pattern(shared: &Arc<Shared>, glob: &[u8], origin: &[u8]) -> Result<u64, Error> {
    if let (key, Rest::Nothing) = glob::literal_prefix(glob) {
        return write::remove_keys(shared, &[Bytes::from(key)], origin, false, None).await;
    }
    let swept = async {
        let nodes = shared.nodes();
        if nodes.list.is_empty() {
            return Err(down());
        }
        let each = nodes.list.iter().map(|node| node_pattern(shared, node, glob, origin, false));
        let mut removed = 0;
        for outcome in join_all(each).await {
            removed += outcome?;
        }
        publish(shared, origin, &Notice::Pattern(glob), false).await?;
        Ok(removed)
    };
    let outcome = swept.await;
    if outcome.is_err() {
        shared.owe_wide(Wide::Pattern(Bytes::copy_from_slice(glob)));
    }
    outcome
}

/// Deletes what carries a tag; the keys. A member whose value carries it no more stays. A write adds its key to the set
/// after the value; here it leaves the set before its value is looked at: so no value is left that its tag forgot.
pub(super) async fn tag(
    shared: &Arc<Shared>,
    tag: &str,
    origin: &[u8],
    internal: bool,
) -> Result<Vec<Bytes>, Error> {
    let walked = async {
        let set = tag_key(shared, tag);
        let (mut cursor, mut removed) = (0, Vec::new());
        loop {
            let mut scan = cmd("SSCAN");
            scan.arg(set.as_slice()).arg(cursor).arg("COUNT").arg(STEP);
            let (next, members) = step(one(shared, &set, scan, internal).await?).ok_or_else(down)?;
            if !members.is_empty() {
                let mut leave = cmd("SREM");
                leave.arg(set.as_slice()).arg(&members);
                one(shared, &set, leave, internal).await?;
                removed.extend(carriers(shared, tag, members, origin, internal).await?);
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        publish(shared, origin, &Notice::Tag(tag), internal).await?;
        Ok(removed)
    };
    let outcome = walked.await;
    if outcome.is_err() && !internal {
        shared.owe_wide(Wide::Tag(tag.into()));
    }
    outcome
}
async fn one(shared: &Shared, key: &[u8], command: Cmd, internal: bool) -> Result<Value, Error> {
    let unit = Unit { key: key.to_vec(), commands: vec![command] };
    let sending = Sending { internal, ..Sending::new(shared.until()) };
    only(send(shared, &[unit], sending).await.pop().unwrap_or_else(|| Err(down())))
}
/// Deletes those of the members that carry the tag. They have left the set: what cannot be asked is owed.
async fn carriers(
    shared: &Arc<Shared>,
    tag: &str,
    members: Vec<Vec<u8>>,
    origin: &[u8],
    internal: bool,
) -> Result<Vec<Bytes>, Error> {
    let mut carriers: Vec<Bytes> = Vec::new();
    let mut unknown: Vec<Bytes> = Vec::new();
    let mut left: Vec<(Bytes, usize)> = members.into_iter().map(|key| (Bytes::from(key), HEAD)).collect();
    while !left.is_empty() {
        let units: Vec<Unit> = left
            .iter()
            .map(|(key, bytes)| {
                let full = shared.full(key);
                let mut head = cmd("GETRANGE");
                head.arg(full.as_slice()).arg(0).arg(*bytes as u64 - 1);
                Unit { key: full, commands: vec![head] }
            })
            .collect();
        let replies =
            send(shared, &units, Sending { internal, again: true, ..Sending::new(shared.until()) }).await;
        let mut longer = Vec::new();
        for ((key, bytes), replies) in left.into_iter().zip(replies) {
            match only(replies) {
                Ok(Value::BulkString(head)) if head.is_empty() => {}
                Ok(Value::BulkString(head)) => match wire::peek(&head) {
                    Peek::Head { head, .. } if head.tags.iter().any(|one| **one == *tag) => {
                        carriers.push(key)
                    }
                    Peek::Head { .. } => {}
                    Peek::Short(need) if head.len() >= bytes => longer.push((key, need.max(bytes + 1))),
                    // a plain value does not say what it carries
                    Peek::Short(_) | Peek::Foreign => carriers.push(key),
                },
                Ok(_) => {}
                Err(_) => unknown.push(key),
            }
        }
        left = longer;
    }
    // owes by itself what it could not delete
    let outcome = write::remove_keys(shared, &carriers, origin, internal, None).await;
    let failed = outcome.is_err() || !unknown.is_empty();
    shared.owe_keys(unknown);
    if failed && !internal { Err(outcome.err().unwrap_or_else(down)) } else { Ok(carriers) }
}

/// Tells the channel, on whichever master has a connection.
pub(super) async fn publish(
    shared: &Shared,
    origin: &[u8],
    notice: &Notice<'_>,
    internal: bool,
) -> Result<(), Error> {
    if !shared.publishes() {
        return Ok(());
    }
    let nodes = shared.nodes();
    let usable = |node: &&Arc<Node>| if internal { node.any_connection() } else { node.serving() }.is_some();
    let node = nodes.list.iter().find(usable).ok_or_else(down)?;
    let mut command = cmd("PUBLISH");
    command.arg(&shared.channel[..]).arg(&channel::write(origin, notice)[..]);
    ask(shared, node, internal, &command).await.map(|_| ())
}

/// Whether every master answers.
pub(super) async fn ping(shared: &Shared) -> Result<(), Error> {
    let nodes = shared.nodes();
    if nodes.list.is_empty() {
        return Err(down());
    }
    let ping = cmd("PING");
    for outcome in join_all(nodes.list.iter().map(|node| ask(shared, node, false, &ping))).await {
        outcome?;
    }
    Ok(())
}

/// Callers' keys that begin so.
pub(super) async fn keys(shared: &Shared, prefix: &[u8], limit: usize) -> Result<Vec<Bytes>, Error> {
    let glob = beginning(prefix);
    let nodes = shared.nodes();
    if nodes.list.is_empty() {
        return Err(down());
    }
    // SCAN may tell a key twice
    let mut seen: HashSet<Bytes> = HashSet::new();
    let mut keys = Vec::new();
    for node in &nodes.list {
        let mut cursor = 0;
        while keys.len() < limit {
            let (next, found) = scan_step(shared, node, false, cursor, &glob).await?;
            for full in found {
                let Some(key) = shared.caller_key(&full).map(Bytes::copy_from_slice) else { continue };
                if keys.len() < limit && seen.insert(key.clone()) {
                    keys.push(key);
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
    }
    Ok(keys)
}
