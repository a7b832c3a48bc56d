//! Sets and deletes, in the order of the calls.

use super::fault::{checked, down, from_server, int_of};
use super::lease;
use super::node::Node;
use super::route::{self, Replies, Sending, Unit, only, send};
use super::shared::{Shared, slot_of};
use super::sweep::tag_key;
use super::{Write, value};
use bytes::Bytes;
use redis::{Cmd, Value, cmd};
use sluice_core::cache::channel::{self, Notice};
use sluice_core::cache::server_time::Offset;
use sluice_core::cache::{Millis, NEVER};
use sluice_core::error::Error;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::MutexGuard;

/// Keys of one UNLINK and one message.
const AT_ONCE: usize = 500;
/// Adds a member to the set of a tag, which then lives as long as the longest of its members; two others are looked at,
/// and leave when their values are gone, so that the set does not outgrow what lives. ARGV: milliseconds or -1, member,
/// the prefix of values or '' where they may be on another node.
pub(crate) const TAG: &str = "local left, want = redis.call('PTTL', KEYS[1]), tonumber(ARGV[1])
redis.call('SADD', KEYS[1], ARGV[2])
if want < 0 then redis.call('PERSIST', KEYS[1])
elseif left == -2 or (left >= 0 and left < want) then redis.call('PEXPIRE', KEYS[1], want) end
if ARGV[3] ~= '' then
  for _, member in ipairs(redis.call('SRANDMEMBER', KEYS[1], 2)) do
    if redis.call('EXISTS', ARGV[3] .. member) == 0 then redis.call('SREM', KEYS[1], member) end
  end
end
return 1";

/// Writes records; whether each was stored.
pub(super) async fn set_many(
    shared: &Arc<Shared>,
    writes: &[Write],
    now: Millis,
) -> Vec<Result<bool, Error>> {
    let turn = shared.write_turn.lock().await;
    let until = shared.until();
    if shared.is_cluster() && shared.state() == super::State::Idle {
        route::wait_for_slots(shared, until).await;
    }
    let nodes = shared.nodes();
    let mut offsets: HashMap<usize, (Offset, bool)> = HashMap::new();
    let mut units = Vec::with_capacity(writes.len());
    for write in writes {
        if let Some(origin) = &write.publish {
            shared.learn_origin(origin);
        }
        let full = shared.full(&write.key);
        let (offset, absolute) = match nodes.of(&full) {
            Some(node) => match offsets.get(&(Arc::as_ptr(node) as usize)) {
                Some(clock) => *clock,
                None => {
                    // before its first connection nobody knows its clock
                    node.ready(until).await;
                    *offsets.entry(Arc::as_ptr(node) as usize).or_insert(clock(shared, node, now))
                }
            },
            None => (Offset(0), true),
        };
        let fenced = match &write.fence {
            Some(fence) => Fence::of(shared, write, &full, fence, until).await,
            None => Fence::None,
        };
        let mut commands = Vec::with_capacity(2);
        match (value::encode(&shared.config, &write.record, now, offset, absolute), fenced) {
            (_, Fence::Lost) => {}
            (Some((text, expiry)), fence) => {
                commands.push(set(&full, &text, expiry, write.only_absent, &fence))
            }
            // over before it began: what was there is not to come back
            (None, _) if write.only_absent => {}
            (None, _) => commands.push(cmd("UNLINK").arg(full.as_slice()).take()),
        }
        if !commands.is_empty()
            && let Some(origin) = write.publish.as_ref().filter(|_| shared.publishes())
        {
            commands.push(message(shared, origin, &[&write.key]));
        }
        if !commands.is_empty() && !shared.is_cluster() {
            commands.extend(write.record.tags.iter().map(|tag| add_to_tag(shared, tag, write, now)));
        }
        units.push(Unit { key: full, commands });
    }
    let cluster = shared.is_cluster();
    let (mut turn, held) = if cluster { (None, Some(turn)) } else { (Some(turn), None) };
    let sending = Sending { turn: turn.take(), ..Sending::new(until) };
    let live: Vec<usize> = (0..units.len()).filter(|&index| !commands_of(&units, index).is_empty()).collect();
    let mut slots: Vec<Option<Unit>> = units.into_iter().map(Some).collect();
    let sent: Vec<Unit> = live.iter().filter_map(|&index| slots.get_mut(index)?.take()).collect();
    let replies = send(shared, &sent, sending).await;
    let mut results: Vec<Result<bool, Error>> = writes.iter().map(|_| Ok(false)).collect();
    for (index, replies) in live.into_iter().zip(replies) {
        if let Some(result) = results.get_mut(index) {
            *result = stored(replies);
        }
    }
    if cluster {
        add_to_tags(shared, writes, &mut results, now).await;
    }
    drop(held);
    let failed = writes.iter().zip(&results).filter(|(write, result)| result.is_err() && !write.only_absent);
    shared.owe_keys(failed.map(|(write, _)| write.key.clone()));
    results
}
fn commands_of(units: &[Unit], index: usize) -> &[Cmd] {
    units.get(index).map_or(&[], |unit| unit.commands.as_slice())
}
fn clock(shared: &Shared, node: &Node, now: Millis) -> (Offset, bool) {
    let absolute = node.any_connection().is_none_or(|connection| connection.absolute);
    (node.time.lock().offset(now, shared.steady_us()), absolute)
}
/// Whether it was stored. All that goes with it has to have gone well: a tag that does not know its key is a failure.
fn stored(replies: Replies) -> Result<bool, Error> {
    let mut replies = replies?.into_iter();
    let first = checked(replies.next().ok_or_else(down)?)?;
    for reply in replies {
        checked(reply)?;
    }
    Ok(match first {
        Value::Nil => false,
        Value::Int(number) => number > 0,
        _ => true,
    })
}

/// What a fence asks of a write.
enum Fence {
    None,
    /// The lease and what it has to hold, checked with the write.
    Key(Vec<u8>, Vec<u8>),
    /// The lease is another's.
    Lost,
}
impl Fence {
    async fn of(
        shared: &Shared,
        write: &Write,
        full: &[u8],
        (owner, token): &(Bytes, u64),
        until: tokio::time::Instant,
    ) -> Self {
        let lease = lease::lease_key(shared, &write.key);
        let holds = lease::holds(*token, owner);
        if !shared.is_cluster() || slot_of(&lease) == slot_of(full) {
            return Fence::Key(lease, holds);
        }
        // the lease cannot be where the value is: it is looked at first
        let get = Unit { commands: vec![cmd("GET").arg(lease.as_slice()).take()], key: lease };
        match only(send(shared, &[get], Sending::new(until)).await.pop().unwrap_or_else(|| Err(down()))) {
            Ok(Value::BulkString(held)) if held == holds => Fence::None,
            _ => Fence::Lost,
        }
    }
}
fn set(full: &[u8], text: &[u8], expiry: value::Expiry, only_absent: bool, fence: &Fence) -> Cmd {
    let mut command = match fence {
        Fence::Key(lease, holds) => {
            let mut command = cmd("EVAL");
            command.arg(lease::FENCED_SET).arg(2).arg(full).arg(lease.as_slice()).arg(holds.as_slice());
            command
        }
        _ => cmd("SET").arg(full).take(),
    };
    command.arg(text);
    if let Some((name, number)) = expiry.args() {
        command.arg(name).arg(number);
    }
    if only_absent {
        command.arg("NX");
    }
    command
}
pub(super) fn message(shared: &Shared, origin: &[u8], keys: &[&[u8]]) -> Cmd {
    let message = channel::write(origin, &Notice::Keys(keys.to_vec()));
    cmd("PUBLISH").arg(&shared.channel[..]).arg(&message[..]).take()
}
fn add_to_tag(shared: &Shared, tag: &str, write: &Write, now: Millis) -> Cmd {
    let end = write.record.stale_until.max(write.record.deadline);
    let left = if end == NEVER { -1 } else { i64::try_from(end.saturating_sub(now)).unwrap_or(-1) };
    let values = if shared.is_cluster() { &[][..] } else { &shared.prefix[..] };
    let mut command = cmd("EVAL");
    command.arg(TAG).arg(1).arg(tag_key(shared, tag)).arg(left).arg(&write.key[..]).arg(values);
    command
}
/// In a cluster the tags of a value lie on other nodes: they are told once it is stored.
async fn add_to_tags(shared: &Shared, writes: &[Write], results: &mut [Result<bool, Error>], now: Millis) {
    let mut units = Vec::new();
    let mut of = Vec::new();
    for (index, (write, result)) in writes.iter().zip(results.iter()).enumerate() {
        for tag in write.record.tags.iter().filter(|_| matches!(result, Ok(true))) {
            of.push(index);
            units.push(Unit {
                key: tag_key(shared, tag),
                commands: vec![add_to_tag(shared, tag, write, now)],
            });
        }
    }
    let replies = send(shared, &units, Sending::new(shared.until())).await;
    for (index, replies) in of.into_iter().zip(replies) {
        if let (Err(error), Some(result)) = (only(replies), results.get_mut(index)) {
            *result = Err(error);
        }
    }
}

/// Deletes exact keys and tells the channel; how many there were. What could not be deleted is owed.
pub(super) async fn remove_keys(
    shared: &Arc<Shared>,
    keys: &[Bytes],
    origin: &[u8],
    internal: bool,
    turn: Option<MutexGuard<'_, ()>>,
) -> Result<u64, Error> {
    if keys.is_empty() {
        return Ok(0);
    }
    let cluster = shared.is_cluster();
    let mut groups: Vec<Vec<&Bytes>> = Vec::new();
    if cluster {
        let mut of_slot: BTreeMap<u16, Vec<&Bytes>> = BTreeMap::new();
        keys.iter().for_each(|key| of_slot.entry(slot_of(&shared.full(key))).or_default().push(key));
        groups.extend(
            of_slot
                .into_values()
                .flat_map(|keys| keys.chunks(AT_ONCE).map(<[_]>::to_vec).collect::<Vec<_>>()),
        );
    } else {
        groups.extend(keys.chunks(AT_ONCE).map(|keys| keys.iter().collect()));
    }
    let units: Vec<Unit> = groups.iter().map(|keys| removal(shared, keys, origin)).collect();
    let (mut turn, held) = if cluster { (None, turn) } else { (turn, None) };
    let sending = Sending { internal, turn: turn.take(), ..Sending::new(shared.until()) };
    let replies = send(shared, &units, sending).await;
    drop(held);
    let (mut removed, mut why) = (0, None);
    let mut owed: Vec<Bytes> = Vec::new();
    for (replies, keys) in replies.into_iter().zip(groups) {
        match counted(replies) {
            Ok(count) => removed += count,
            Err(error) => {
                owed.extend(keys.into_iter().cloned());
                why = Some(error);
            }
        }
    }
    match why {
        None => Ok(removed),
        Some(why) => {
            // while it catches up, the caller puts back what it took
            if !internal {
                shared.owe_keys(owed);
            }
            Err(why)
        }
    }
}
fn removal(shared: &Shared, keys: &[&Bytes], origin: &[u8]) -> Unit {
    let full: Vec<Vec<u8>> = keys.iter().map(|key| shared.full(key)).collect();
    let mut commands = vec![cmd("UNLINK").arg(&full).take()];
    if shared.publishes() {
        // not in one transaction: servers before 7.2 write our own copy of the message into the middle of its reply
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        commands.push(message(shared, origin, &keys));
    }
    Unit { key: full.into_iter().next().unwrap_or_default(), commands }
}
/// How many an UNLINK removed; the message behind it has to have gone out too.
fn counted(replies: Replies) -> Result<u64, Error> {
    let replies = replies?;
    if let Some(error) = replies.iter().find_map(super::fault::error_of) {
        return Err(from_server(error));
    }
    replies.first().and_then(int_of).map(i64::unsigned_abs).ok_or_else(down)
}
