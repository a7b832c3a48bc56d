//! The masters of a cluster and their slots, asked for each second and whenever a command was sent elsewhere.

use super::fault::{checked, fault, from_crate, int_of, text_of};
use super::node::{Node, Phase};
use super::shared::{Nodes, Shared};
use super::target::{Place, dial, refused};
use redis::{AsyncConnectionConfig, ProtocolVersion, Value, cmd};
use sluice_core::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Between two looks, and how long one may take.
const EACH: Duration = Duration::from_secs(1);
/// Between two looks in a storm of redirects.
const AT_LEAST: Duration = Duration::from_millis(20);
const SLOTS: usize = 16_384;

/// Follows the cluster until the link is closed.
pub(super) async fn follow(shared: Arc<Shared>) {
    let mut closed = shared.closed.subscribe();
    let following = async {
        loop {
            match ask(&shared).await {
                Ok((place, reply)) => apply(&shared, &place, &reply),
                Err(why) => shared.unreachable(&why),
            }
            hear(&shared).await;
            shared.asked.send_modify(|asked| *asked += 1);
            sleep(AT_LEAST).await;
            tokio::select! {
                () = shared.moved.notified() => {}
                () = sleep(EACH) => {}
            }
        }
    };
    tokio::select! {
        () = following => {}
        _ = closed.wait_for(|closed| *closed) => {}
    }
}

/// CLUSTER SLOTS, from a master that serves, else from whichever of the given nodes answers first.
async fn ask(shared: &Arc<Shared>) -> Result<(Place, Value), Error> {
    let mut command = cmd("CLUSTER");
    command.arg("SLOTS");
    for node in &shared.nodes().list {
        let (Some(connection), Some(place)) = (node.serving(), &node.place) else { continue };
        let mut redis = connection.redis.clone();
        let asked = timeout(EACH, redis.send_packed_command(&command)).await;
        if let Ok(Ok(reply @ Value::Array(_))) = asked {
            return Ok((place.clone(), reply));
        }
    }
    let mut why = fault("no node of the cluster is given");
    for url in &shared.config.urls {
        let asked = async {
            let place = Place::parse(url)?;
            let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
            let redis = dial(&place, &shared.config, config, ProtocolVersion::RESP2).await;
            let mut redis = redis.map_err(refused)?;
            let reply = redis.send_packed_command(&command).await;
            Ok((place, checked(reply.map_err(|error| from_crate(&error))?)?))
        };
        let limit = Duration::from_millis(shared.config.connect_timeout_ms.max(1)).min(EACH);
        match timeout(limit, asked).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => why = error,
            Err(_) => why = fault("a node of the cluster does not answer"),
        }
    }
    Err(why)
}

/// Takes over what CLUSTER SLOTS said.
fn apply(shared: &Arc<Shared>, asked: &Place, reply: &Value) {
    let old = shared.nodes();
    let mut list: Vec<Arc<Node>> = Vec::new();
    let mut slots = vec![u16::MAX; SLOTS];
    let mut fresh = Vec::new();
    for (first, last, host, port) in ranges(reply) {
        let place = asked.at(if host.is_empty() { asked.host() } else { &host }, port);
        let name = place.name();
        let known = |nodes: &[Arc<Node>]| nodes.iter().position(|node| node.name().as_deref() == Some(&name));
        let index = known(&list).unwrap_or_else(|| {
            let node = match known(&old.list).and_then(|index| old.list.get(index)) {
                Some(node) => node.clone(),
                None => {
                    let node = Node::new(shared, Some(place));
                    fresh.push(node.clone());
                    node
                }
            };
            list.push(node);
            list.len() - 1
        });
        slots.iter_mut().take(last + 1).skip(first).for_each(|slot| *slot = index as u16);
    }
    if list.is_empty() {
        return;
    }
    let same = old.list.len() == list.len()
        && old.slots.as_ref() == Some(&slots)
        && old.list.iter().zip(&list).all(|(old, new)| Arc::ptr_eq(old, new));
    if same {
        return;
    }
    let gone: Vec<_> =
        old.list.iter().filter(|node| !list.iter().any(|kept| Arc::ptr_eq(kept, node))).collect();
    gone.iter().for_each(|node| node.retire());
    shared.set_nodes(Nodes { list, slots: Some(slots) });
    for node in fresh {
        tokio::spawn(node.keep(shared.clone()));
    }
    if !old.list.is_empty() {
        // changes of a slot between its old master's last word and its new one's first are not known
        shared.listener.changed(None);
    }
}
fn ranges(reply: &Value) -> Vec<(usize, usize, String, u16)> {
    let Value::Array(ranges) = reply else { return Vec::new() };
    let range = |range: &Value| {
        let Value::Array(parts) = range else { return None };
        let [first, last, Value::Array(master), ..] = parts.as_slice() else { return None };
        let [host, port, ..] = master.as_slice() else { return None };
        let (first, last) = (usize::try_from(int_of(first)?).ok()?, usize::try_from(int_of(last)?).ok()?);
        let port = u16::try_from(int_of(port)?).ok()?;
        (last < SLOTS).then(|| (first, last, text_of(host).unwrap_or_default(), port))
    };
    ranges.iter().filter_map(range).collect()
}

/// Sees to it that one master's connection hears the channel: a cluster passes messages on to all its nodes.
async fn hear(shared: &Arc<Shared>) {
    if !shared.publishes() {
        return;
    }
    let nodes = shared.nodes();
    let mut up = nodes.list.iter().filter(|node| node.phase() == Phase::Up).filter_map(|node| node.serving());
    if up.clone().any(|connection| connection.subscribed.load(Ordering::Relaxed)) {
        return;
    }
    if let Some(connection) = up.next() {
        let _ = timeout(EACH, connection.subscribe(shared)).await;
        shared.refresh(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_each_master_and_no_replica() {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let node = |host: &str, port: i64| Value::Array(vec![bulk(host), Value::Int(port), bulk("id")]);
        let reply = Value::Array(vec![
            Value::Array(vec![
                Value::Int(0),
                Value::Int(5460),
                node("10.0.0.1", 7000),
                node("10.0.0.4", 7003),
            ]),
            Value::Array(vec![Value::Int(5461), Value::Int(16383), node("", 7001)]),
            Value::Array(vec![Value::Int(5461), Value::Int(16384), node("", 7001)]),
            Value::Nil,
        ]);
        let want = vec![(0, 5460, "10.0.0.1".to_owned(), 7000), (5461, 16383, String::new(), 7001)];
        assert_eq!(ranges(&reply), want);
    }
}
