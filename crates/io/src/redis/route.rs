//! Commands to the masters that have their keys: in order, in few packets, after the slots where those have moved.

use super::State;
use super::call::{Commands, Fail, connection_of};
use super::fault::{down, error_of, from_server, redirect};
use super::node::Node;
use super::shared::{Nodes, Shared};
use futures_util::future::join_all;
use redis::{Cmd, Pipeline, Value, cmd};
use sluice_core::error::Error;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep, timeout_at};

/// Commands of one packet.
const PACKET: usize = 512;
/// How often a command follows its slot.
const REDIRECTS: usize = 6;

/// Commands about keys of one slot, which stay together: a SET or an UNLINK and its PUBLISH.
pub(super) struct Unit {
    /// A full key that says where it goes.
    pub key: Vec<u8>,
    pub commands: Vec<Cmd>,
}
pub(super) type Replies = Result<Vec<Value>, Error>;

/// How a batch is sent.
pub(super) struct Sending<'a> {
    pub until: Instant,
    /// Catching up: also on a connection that calls may not use yet.
    pub internal: bool,
    /// Asked again on a new connection when one is lost.
    pub again: bool,
    /// Its place among the writes: given up as soon as everything is in the queue.
    pub turn: Option<MutexGuard<'a, ()>>,
}
impl Sending<'_> {
    /// A batch of nobody's order.
    pub fn new(until: Instant) -> Self {
        Self { until, internal: false, again: false, turn: None }
    }
}

/// Sends units; the replies of each, an error reply being one of them, or why there are none.
pub(super) async fn send(shared: &Shared, units: &[Unit], mut sending: Sending<'_>) -> Vec<Replies> {
    let nodes = shared.nodes();
    if nodes.slots.is_none() && !shared.is_cluster() {
        let Some(node) = nodes.list.first() else { return units.iter().map(|_| Err(down())).collect() };
        let all: Vec<&Unit> = units.iter().collect();
        return to_node(shared, node, &all, false, &mut sending).await;
    }
    to_cluster(shared, units, sending).await
}

async fn to_node(
    shared: &Shared,
    node: &Arc<Node>,
    units: &[&Unit],
    asking: bool,
    sending: &mut Sending<'_>,
) -> Vec<Replies> {
    let all = |error: Error| units.iter().map(|_| Err(error.clone())).collect();
    loop {
        let connection = match connection_of(node, sending.internal, sending.until).await {
            Ok(connection) => connection,
            Err(fail) => return all(fail.into_error()),
        };
        let packets: Vec<(Pipeline, Vec<usize>)> = packets(units, asking);
        let calls = packets
            .iter()
            .map(|(pipeline, _)| node.call(shared, &connection, Commands::Many(pipeline), sending.until));
        let replies = queued(join_all(calls), &mut sending.turn).await;
        let away = replies.iter().any(|replies| matches!(replies, Err(Fail::Away(_))));
        if away && sending.again && Instant::now() < sending.until {
            continue;
        }
        let cut =
            replies.into_iter().zip(packets).map(|(replies, (_, counts))| cut(replies, &counts, asking));
        return cut.flatten().collect();
    }
}
/// Polls once, by which everything has its place in the queue of the connection, and gives up the turn.
async fn queued<F: Future>(work: F, turn: &mut Option<MutexGuard<'_, ()>>) -> F::Output {
    let mut work = pin!(work);
    let first = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
    *turn = None;
    match first {
        Poll::Ready(output) => output,
        Poll::Pending => work.await,
    }
}
fn packets(units: &[&Unit], asking: bool) -> Vec<(Pipeline, Vec<usize>)> {
    let mut packets: Vec<(Pipeline, Vec<usize>)> = Vec::new();
    for unit in units {
        let full = packets.last().is_none_or(|(pipeline, _)| pipeline.len() + unit.commands.len() > PACKET);
        if full {
            packets.push((Pipeline::new(), Vec::new()));
        }
        let Some((pipeline, counts)) = packets.last_mut() else { continue };
        for command in &unit.commands {
            if asking {
                pipeline.add_command(cmd("ASKING"));
            }
            pipeline.add_command(command.clone());
        }
        counts.push(unit.commands.len() * if asking { 2 } else { 1 });
    }
    packets
}
/// The replies of a packet, by unit.
fn cut(replies: Result<Vec<Value>, Fail>, counts: &[usize], asking: bool) -> Vec<Replies> {
    match replies {
        Err(fail) => {
            let error = fail.into_error();
            counts.iter().map(|_| Err(error.clone())).collect()
        }
        Ok(replies) => {
            let mut replies = replies.into_iter();
            let mut of_unit = |count: usize| -> Vec<Value> { replies.by_ref().take(count).collect() };
            counts
                .iter()
                .map(|&count| {
                    let mut of_unit = of_unit(count);
                    if asking {
                        drop_asking(&mut of_unit);
                    }
                    Ok(of_unit)
                })
                .collect()
        }
    }
}
/// Takes out the replies to ASKING, which goes before each command.
fn drop_asking(replies: &mut Vec<Value>) {
    let mut index = 0;
    replies.retain(|_| {
        index += 1;
        index % 2 == 0
    });
}

async fn to_cluster(shared: &Shared, units: &[Unit], sending: Sending<'_>) -> Vec<Replies> {
    let mut out: Vec<Replies> = units.iter().map(|_| Err(down())).collect();
    let mut todo: Vec<(usize, Option<String>)> = (0..units.len()).map(|index| (index, None)).collect();
    for round in 0..REDIRECTS {
        let nodes = shared.nodes();
        if nodes.list.is_empty() {
            if round > 0 || shared.state() != State::Idle {
                break;
            }
            // the slots are being asked for the first time
            wait_for_slots(shared, sending.until).await;
            continue;
        }
        let groups = groups(&nodes, units, &todo);
        let calls = groups.into_values().map(|(node, asking, indexes)| async move {
            let of_node: Vec<&Unit> = indexes.iter().filter_map(|&index| units.get(index)).collect();
            let mut own =
                Sending { again: sending.again, internal: sending.internal, ..Sending::new(sending.until) };
            (to_node(shared, &node, &of_node, asking, &mut own).await, indexes)
        });
        let mut again = Vec::new();
        let (mut moved, mut wait) = (false, false);
        for (replies, indexes) in join_all(calls).await {
            for (replies, index) in replies.into_iter().zip(indexes) {
                let error = replies.as_ref().ok().and_then(|replies| replies.iter().find_map(error_of));
                match error.map(|error| (redirect(error), error.code())) {
                    Some((Some((name, once)), _)) => {
                        moved |= !once;
                        again.push((index, once.then_some(name)));
                    }
                    Some((None, "TRYAGAIN")) => {
                        wait = true;
                        again.push((index, None));
                    }
                    _ => {}
                }
                if let Some(slot) = out.get_mut(index) {
                    *slot = replies;
                }
            }
        }
        if again.is_empty() || Instant::now() >= sending.until {
            break;
        }
        if moved {
            wait_for_slots(shared, sending.until).await;
        } else if wait {
            sleep(Duration::from_millis(10)).await;
        }
        again.sort_unstable();
        todo = again;
    }
    out
}
type Group = (Arc<Node>, bool, Vec<usize>);
fn groups(nodes: &Nodes, units: &[Unit], todo: &[(usize, Option<String>)]) -> HashMap<(usize, bool), Group> {
    let mut groups: HashMap<(usize, bool), Group> = HashMap::new();
    for (index, ask) in todo {
        let node = match ask {
            Some(name) => nodes.list.iter().find(|node| node.name().as_deref() == Some(name)),
            None => units.get(*index).and_then(|unit| nodes.of(&unit.key)),
        };
        if let Some(node) = node {
            let group = (Arc::as_ptr(node) as usize, ask.is_some());
            let group = groups.entry(group).or_insert_with(|| (node.clone(), ask.is_some(), Vec::new()));
            group.2.push(*index);
        }
    }
    groups
}
/// Until the slots have been asked for once more.
pub(super) async fn wait_for_slots(shared: &Shared, until: Instant) {
    let mut asked = shared.asked.subscribe();
    let before = *asked.borrow_and_update();
    shared.moved.notify_one();
    let _ = timeout_at(until, asked.wait_for(|asked| *asked > before)).await;
}
/// The only reply of a unit, or its error.
pub(super) fn only(replies: Replies) -> Result<Value, Error> {
    let reply = replies?.pop().ok_or_else(down)?;
    match error_of(&reply) {
        Some(error) => Err(from_server(error)),
        None => Ok(reply),
    }
}
