//! Permits of limiters: one script call for each key, in one packet for each master.

use super::fault::{down, error_of, from_server, int_of};
use super::route::{Replies, Sending, Unit, send};
use super::{Link, State};
use redis::{Cmd, Script, Value, cmd};
use sluice_core::error::Error;
use std::sync::LazyLock;

/// What of a limit's key is asked; see `crate::limits::SCRIPT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// Without prefix.
    pub key: bytes::Bytes,
    /// The script's, but for the last and what is given back.
    pub args: [u64; 4],
    /// So many permits are given back, and the slice that they are taken off.
    pub back: (u64, u64),
}

static HASH: LazyLock<String> = LazyLock::new(|| Script::new(crate::limits::SCRIPT).get_hash().to_owned());

impl Link {
    /// Takes permits; six numbers for each. `Err`: not, or not known. What was on a connection that was lost is asked once
    /// more without what it gave back, which may have arrived: all else that arrives twice only counts twice.
    pub async fn take_permits(&self, takes: &[Take], node: &str) -> Vec<Result<[u64; 6], Error>> {
        let shared = &self.shared;
        let until = shared.until();
        let again = async |units: &[Unit]| send(shared, units, Sending::new(until)).await;
        let first: Vec<Unit> =
            takes.iter().map(|take| unit(shared.full(&take.key), "EVALSHA", &HASH, take, take.back, node)).collect();
        let mut out: Vec<Result<[u64; 6], Error>> = again(&first).await.into_iter().map(numbers).collect();
        for _ in 0..2 {
            let is_up = self.state() != State::Down && tokio::time::Instant::now() < until;
            let mut places = Vec::new();
            let mut units = Vec::new();
            for (place, (take, reply)) in takes.iter().zip(&out).enumerate() {
                let Err(why) = reply else { continue };
                let is_unknown = is_code(why, "NOSCRIPT");
                if !is_unknown && (!is_up || is_said(why)) {
                    continue;
                }
                let back = if is_unknown { take.back } else { (0, 0) };
                let full = shared.full(&take.key);
                units.push(unit(full, "EVAL", crate::limits::SCRIPT, take, back, node));
                places.push(place);
            }
            if units.is_empty() {
                break;
            }
            for (place, replies) in places.into_iter().zip(again(&units).await) {
                if let Some(slot) = out.get_mut(place) {
                    *slot = numbers(replies);
                }
            }
        }
        out
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
fn unit(key: Vec<u8>, verb: &str, script: &str, take: &Take, (back, slice): (u64, u64), node: &str) -> Unit {
    let mut command: Cmd = cmd(verb).arg(script).arg(1).arg(&key[..]).take();
    for number in take.args.into_iter().chain([back, slice]) {
        command.arg(number);
    }
    Unit { commands: vec![command.arg(node).take()], key }
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
fn detail(why: &Error) -> &str {
    why.field("detail").unwrap_or_default()
}
fn is_code(why: &Error, code: &str) -> bool {
    detail(why).starts_with(code)
}
/// A server's word, or the end of time: asking again is in vain.
fn is_said(why: &Error) -> bool {
    let said = detail(why);
    said.starts_with("no answer") || said.split(' ').next().is_some_and(|code| code.len() > 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
}
