//! Permits of limiters: one script call for each key, in one packet for each master.

use super::Link;
use super::fault::{down, error_of, from_server, int_of};
use super::route::{Replies, Sending, Unit, send};
use crate::limits::SCRIPT;
use redis::{Cmd, Script, Value, cmd};
use sluice_core::error::Error;
use std::sync::LazyLock;

/// What of a limit's key is asked; see `limits::SCRIPT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// Without prefix.
    pub key: bytes::Bytes,
    /// The script's, but for the node.
    pub args: [u64; 6],
}

static HASH: LazyLock<String> = LazyLock::new(|| Script::new(SCRIPT).get_hash().to_owned());

impl Link {
    /// Takes permits; six numbers for each. `Err`: not, or not known. All may be asked twice: a grant that nobody hears of
    /// only counts, and nothing is given back twice.
    pub async fn take_permits(&self, takes: &[Take], node: &str) -> Vec<Result<[u64; 6], Error>> {
        let shared = &self.shared;
        let until = shared.until();
        let ask =
            async |units: &[Unit]| send(shared, units, Sending { again: true, ..Sending::new(until) }).await;
        let units: Vec<Unit> =
            takes.iter().map(|take| unit(shared.full(&take.key), false, take, node)).collect();
        let mut replies = ask(&units).await;
        // a server that does not know the script is told it
        let places: Vec<usize> =
            (0..replies.len()).filter(|&at| replies.get(at).is_some_and(is_unknown)).collect();
        let takes = places.iter().filter_map(|&at| takes.get(at));
        let units: Vec<Unit> = takes.map(|take| unit(shared.full(&take.key), true, take, node)).collect();
        if !units.is_empty() {
            for (at, reply) in places.into_iter().zip(ask(&units).await) {
                if let Some(slot) = replies.get_mut(at) {
                    *slot = reply;
                }
            }
        }
        replies.into_iter().map(numbers).collect()
    }
    /// Deletes the keys of limits.
    pub async fn drop_limits(&self, keys: &[bytes::Bytes]) -> Result<(), Error> {
        let shared = &self.shared;
        let units: Vec<Unit> = keys
            .iter()
            .map(|key| {
                let key = shared.full(key);
                Unit { commands: vec![cmd("DEL").arg(&key[..]).take()], key }
            })
            .collect();
        let replies = send(shared, &units, Sending::new(shared.until())).await;
        replies.into_iter().try_for_each(|replies| replies.map(drop))
    }
}
fn unit(key: Vec<u8>, with_text: bool, take: &Take, node: &str) -> Unit {
    let (verb, script) = if with_text { ("EVAL", SCRIPT) } else { ("EVALSHA", HASH.as_str()) };
    let mut command: Cmd = cmd(verb).arg(script).arg(1).arg(&key[..]).take();
    for number in take.args {
        command.arg(number);
    }
    Unit { commands: vec![command.arg(node).take()], key }
}
fn is_unknown(replies: &Replies) -> bool {
    let reply = replies.as_ref().ok().and_then(|replies| replies.last());
    reply.and_then(error_of).is_some_and(|error| error.code() == "NOSCRIPT")
}
fn numbers(replies: Replies) -> Result<[u64; 6], Error> {
    let reply = replies?.pop().ok_or_else(down)?;
    if let Some(error) = error_of(&reply) {
        return Err(from_server(error));
    }
    let Value::Array(values) = &reply else { return Err(down()) };
    let mut numbers = [0; 6];
    for (at, number) in numbers.iter_mut().enumerate() {
        let said = values.get(at).and_then(int_of).ok_or_else(down)?;
        *number = u64::try_from(said).unwrap_or(0);
    }
    Ok(numbers)
}
