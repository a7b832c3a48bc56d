//! Claims of keys: what a batch of them says to Redis, in one packet for each master.

use super::fault::{checked, down, int_of};
use super::route::{Replies, Sending, Unit, send};
use super::{Claimed, Link, Step};
use redis::{Cmd, Value, cmd};
use sluice_core::batch::claim::{FINISH, RELEASE, RENEW};
use sluice_core::error::Error;

impl Link {
    /// Takes these steps, in order; what each was answered. `Err`: not, or not known. Every one may be taken again.
    pub async fn claims(&self, steps: &[Step]) -> Vec<Result<Claimed, Error>> {
        let shared = &self.shared;
        let units: Vec<Unit> = steps.iter().map(|step| unit(shared.full(step.key()), step)).collect();
        let sending = Sending { again: true, ..Sending::new(shared.until()) };
        let replies = send(shared, &units, sending).await;
        steps.iter().zip(replies).map(|(step, replies)| answer(step, replies)).collect()
    }
}
fn unit(key: Vec<u8>, step: &Step) -> Unit {
    let commands = match step {
        Step::Take { value, lease_ms, .. } => vec![
            cmd("SET").arg(&key[..]).arg(value).arg("NX").arg("PX").arg(*lease_ms).take(),
            cmd("GET").arg(&key[..]).take(),
            cmd("PTTL").arg(&key[..]).take(),
        ],
        Step::Renew { value, lease_ms, .. } => vec![script(RENEW, &key).arg(value).arg(*lease_ms).take()],
        Step::Finish { value, done, ttl_ms, .. } => {
            vec![script(FINISH, &key).arg(value).arg(done).arg(ttl_ms.unwrap_or(0)).take()]
        }
        Step::Release { value, .. } => vec![script(RELEASE, &key).arg(value).take()],
    };
    Unit { key, commands }
}
fn script(text: &str, key: &[u8]) -> Cmd {
    cmd("EVAL").arg(text).arg(1).arg(key).take()
}
fn answer(step: &Step, replies: Replies) -> Result<Claimed, Error> {
    let mut replies = replies?.into_iter();
    let first = checked(replies.next().ok_or_else(down)?)?;
    if !matches!(step, Step::Take { .. }) {
        return Ok(Claimed { value: None, left_ms: None });
    }
    if let (Value::Okay, Step::Take { value, lease_ms, .. }) = (&first, step) {
        return Ok(Claimed { value: Some(value.clone()), left_ms: Some(*lease_ms) });
    }
    let value = match replies.next().ok_or_else(down)? {
        Value::Nil => None,
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        // a key of another type: somebody else's mark
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Some(String::new()),
        other => {
            checked(other)?;
            return Err(down());
        }
    };
    let left = replies.next().as_ref().and_then(int_of).and_then(|left| u64::try_from(left).ok());
    Ok(Claimed { value, left_ms: left })
}
