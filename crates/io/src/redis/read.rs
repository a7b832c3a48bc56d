//! Reads of many keys.

use super::call::{Commands, Fail, connection_of};
use super::fault::{checked, down, error_of, from_server, int_of};
use super::node::Node;
use super::route::{Replies, Sending, Unit, send};
use super::shared::Shared;
use super::{Answer, value};
use bytes::Bytes;
use futures_util::future::join_all;
use redis::{Cmd, Value, cmd};
use sluice_core::cache::Millis;
use sluice_core::cache::server_time::Offset;
use sluice_core::error::Error;
use std::sync::Arc;
use tokio::time::Instant;

/// Keys of one MGET: a longer one would hold others up.
const AT_ONCE: usize = 256;

pub(super) async fn get_many(shared: &Shared, keys: &[Bytes], now: Millis) -> Result<Vec<Answer>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let until = shared.until();
    if shared.is_cluster() || shared.config.plain {
        return each(shared, keys, now, until).await;
    }
    let node = shared.nodes().list.first().cloned().ok_or_else(down)?;
    let mut answers = mget(shared, &node, keys, now, until).await?;
    time_left(shared, keys, &mut answers, now, until).await;
    Ok(answers)
}

async fn mget(
    shared: &Shared,
    node: &Arc<Node>,
    keys: &[Bytes],
    now: Millis,
    until: Instant,
) -> Result<Vec<Answer>, Error> {
    node.ready(until).await;
    let offset = node.time.lock().offset(now, shared.steady_us());
    let mut full = shared.prefix.to_vec();
    let command = |keys: &[Bytes], full: &mut Vec<u8>| {
        let bytes: usize = keys.iter().map(|key| shared.prefix.len() + key.len()).sum();
        let mut command = Cmd::with_capacity(keys.len() + 1, bytes + 4);
        command.arg("MGET");
        for key in keys {
            full.truncate(shared.prefix.len());
            full.extend_from_slice(key);
            command.arg(full.as_slice());
        }
        command
    };
    let commands: Vec<Cmd> = keys.chunks(AT_ONCE).map(|keys| command(keys, &mut full)).collect();
    loop {
        let connection = connection_of(node, false, until).await.map_err(Fail::into_error)?;
        let calls =
            commands.iter().map(|command| node.call(shared, &connection, Commands::One(command), until));
        let replies = join_all(calls).await;
        let away = replies.iter().any(|replies| matches!(replies, Err(Fail::Away(_))));
        if away && Instant::now() < until {
            continue;
        }
        let mut answers = Vec::with_capacity(keys.len());
        for replies in replies {
            let reply = replies.map_err(Fail::into_error)?.pop().ok_or_else(down)?;
            let Value::Array(values) = checked(reply)? else { return Err(down()) };
            answers.extend(values.into_iter().map(|value| value::decode(value, None, now, offset)));
        }
        return if answers.len() == keys.len() { Ok(answers) } else { Err(down()) };
    }
}

/// The time left of values that do not carry it, where others wrote among ours.
async fn time_left(shared: &Shared, keys: &[Bytes], answers: &mut [Answer], now: Millis, until: Instant) {
    let unknown: Vec<usize> = answers
        .iter()
        .enumerate()
        .filter_map(|(index, answer)| {
            matches!(answer, Answer::Found { known_ttl: false, .. }).then_some(index)
        })
        .collect();
    if unknown.is_empty() {
        return;
    }
    let units: Vec<Unit> = unknown
        .iter()
        .filter_map(|&index| keys.get(index))
        .map(|key| {
            let full = shared.full(key);
            Unit { commands: vec![cmd("PTTL").arg(full.as_slice()).take()], key: full }
        })
        .collect();
    let replies = send(shared, &units, Sending { again: true, ..Sending::new(until) }).await;
    for (index, replies) in unknown.into_iter().zip(replies) {
        let left = replies.ok().and_then(|replies| int_of(replies.first()?));
        if let (Some(Answer::Found { record, known_ttl }), Some(left_ms)) = (answers.get_mut(index), left) {
            *known_ttl = true;
            record.deadline = value::deadline_of(left_ms, now);
            record.stale_until = record.deadline;
        }
    }
}

/// A GET for each key, with its PTTL where values do not carry their time.
async fn each(shared: &Shared, keys: &[Bytes], now: Millis, until: Instant) -> Result<Vec<Answer>, Error> {
    let units: Vec<Unit> = keys
        .iter()
        .map(|key| {
            let full = shared.full(key);
            let mut commands = vec![cmd("GET").arg(full.as_slice()).take()];
            if shared.config.plain {
                commands.push(cmd("PTTL").arg(full.as_slice()).take());
            }
            Unit { key: full, commands }
        })
        .collect();
    // their clocks are looked at before they are asked, while `now` is now
    for node in &shared.nodes().list {
        let _ = node.time.lock().offset(now, shared.steady_us());
    }
    let replies = send(shared, &units, Sending { again: true, ..Sending::new(until) }).await;
    let nodes = shared.nodes();
    let mut why = None;
    let mut answers: Vec<Answer> = units
        .iter()
        .zip(replies)
        .map(|(unit, replies)| {
            let offset = nodes
                .of(&unit.key)
                .map_or(Offset(0), |node| node.time.lock().offset(now, shared.steady_us()));
            answer(replies, now, offset).unwrap_or_else(|error| {
                why = Some(error);
                Answer::Unreachable
            })
        })
        .collect();
    if let Some(why) = why
        && answers.iter().all(|answer| *answer == Answer::Unreachable)
    {
        return Err(why);
    }
    if !shared.config.plain {
        time_left(shared, keys, &mut answers, now, until).await;
    }
    Ok(answers)
}
fn answer(replies: Replies, now: Millis, offset: Offset) -> Result<Answer, Error> {
    let mut replies = replies?.into_iter();
    let found = replies.next().ok_or_else(down)?;
    match error_of(&found) {
        // somebody's list or hash
        Some(error) if error.code() == "WRONGTYPE" => return Ok(Answer::Damaged),
        Some(error) => return Err(from_server(error)),
        None => {}
    }
    let left = replies.next().as_ref().and_then(int_of);
    Ok(value::decode(found, left, now, offset))
}
