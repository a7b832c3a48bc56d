//! Leases: one owner of a key at a time, and a token that only grows, by which a late owner's value is refused.

use super::fault::{down, int_of};
use super::route::{Sending, Unit, only, send};
use super::shared::{Shared, slot_of, tag_of};
use super::{Lease, Link};
use redis::{Cmd, cmd};
use sluice_core::cache::key_hash;
use sluice_core::error::Error;

/// KEYS: lease, counter. ARGV: owner, milliseconds, how long the counter is kept, 0: forever. A counter that is not
/// there begins at the server's time, so that it grows even after it was forgotten.
pub(crate) const TAKE: &str = "local held = redis.call('GET', KEYS[1])
if held then
  local token, owner = string.match(held, '^(%d+):(.*)$')
  if owner ~= ARGV[1] then return 0 end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(token)
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  local time = redis.call('TIME')
  redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
end
local token = redis.call('INCR', KEYS[2])
if ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
redis.call('SET', KEYS[1], string.format('%.0f', token) .. ':' .. ARGV[1], 'PX', ARGV[2])
return token";
/// KEYS: lease. ARGV: owner.
pub(crate) const RELEASE: &str = "local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^%d+:(.*)$') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";
/// KEYS: value, lease. ARGV: what the lease has to hold, and what SET is given behind the key.
pub(super) const FENCED_SET: &str = "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
if redis.call('SET', KEYS[1], unpack(ARGV, 2)) then return 1 end
return 0";
/// How long a counter of one slot outlives its last lease. Milliseconds.
const COUNTER_MS: u64 = 600_000;

/// What leases begin with, behind the prefix.
const KIND: &[u8] = b"\x01l:";

/// What a lease holds.
pub(super) fn holds(token: u64, owner: &[u8]) -> Vec<u8> {
    [token.to_string().as_bytes(), b":", owner].concat()
}
/// The key of a lease; in a cluster in the slot of its value wherever braces allow that.
pub(super) fn lease_key(shared: &Shared, key: &[u8]) -> Vec<u8> {
    named(&shared.prefix, key, shared.is_cluster())
}
fn named(prefix: &[u8], key: &[u8], is_cluster: bool) -> Vec<u8> {
    if is_cluster { beside(prefix, key) } else { [prefix, KIND, key].concat() }
}
/// Lease and counter of a key behind a prefix, and for how long the counter is kept: what `TAKE` is called with.
pub fn lease_keys(prefix: &[u8], key: &[u8], is_cluster: bool) -> (Vec<u8>, Vec<u8>, u64) {
    let lease = named(prefix, key, is_cluster);
    let (counter, kept_ms) = counter_of(prefix, &lease, is_cluster);
    (lease, counter, kept_ms)
}
/// Always with a part in braces, so that what is appended stays in its slot.
fn beside(prefix: &[u8], key: &[u8]) -> Vec<u8> {
    let value = [prefix, key].concat();
    let same = [prefix, KIND, key].concat();
    if tag_of(&same).is_some() && slot_of(&same) == slot_of(&value) {
        return same;
    }
    let tagged = [prefix, KIND, b"{", &value, b"}"].concat();
    if slot_of(&tagged) == slot_of(&value) {
        return tagged;
    }
    let hash = format!("{{{:016x}}}", key_hash(key));
    [prefix, KIND, hash.as_bytes(), key].concat()
}
/// The counter of a lease, and for how long it is kept: one for all, in a cluster one beside each lease.
fn counter_key(shared: &Shared, lease: &[u8]) -> (Vec<u8>, u64) {
    counter_of(&shared.prefix, lease, shared.is_cluster())
}
fn counter_of(prefix: &[u8], lease: &[u8], is_cluster: bool) -> (Vec<u8>, u64) {
    if is_cluster { ([lease, b"\x01n"].concat(), COUNTER_MS) } else { ([prefix, b"\x01n"].concat(), 0) }
}

impl Link {
    /// Takes, renews (same owner) or is refused a lease.
    pub async fn lease(&self, key: &[u8], owner: &[u8], ttl_ms: u64) -> Result<Lease, Error> {
        let lease = lease_key(&self.shared, key);
        let (counter, kept_ms) = counter_key(&self.shared, &lease);
        let mut command = cmd("EVAL");
        command
            .arg(TAKE)
            .arg(2)
            .arg(lease.as_slice())
            .arg(counter)
            .arg(owner)
            .arg(ttl_ms.max(1))
            .arg(kept_ms);
        let token = self.script(lease, command).await?;
        Ok(if token > 0 { Lease::Granted(token) } else { Lease::Busy })
    }
    /// Ends a lease of that owner.
    pub async fn release(&self, key: &[u8], owner: &[u8]) -> Result<(), Error> {
        let lease = lease_key(&self.shared, key);
        let command = cmd("EVAL").arg(RELEASE).arg(1).arg(lease.as_slice()).arg(owner).take();
        self.script(lease, command).await.map(|_| ())
    }
    async fn script(&self, key: Vec<u8>, command: Cmd) -> Result<u64, Error> {
        let unit = Unit { key, commands: vec![command] };
        let sending = Sending::new(self.shared.until());
        let reply = only(send(&self.shared, &[unit], sending).await.pop().unwrap_or_else(|| Err(down())))?;
        int_of(&reply).and_then(|number| u64::try_from(number).ok()).ok_or_else(down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_in_the_slot_of_its_value() {
        for (prefix, key) in
            [("p:", "a"), ("p:", "x{y}z"), ("{p}:", "a"), ("{p}:", "{q}"), ("p:", "a{}b"), ("p:", "a}b{c")]
        {
            let lease = beside(prefix.as_bytes(), key.as_bytes());
            let value = format!("{prefix}{key}");
            assert!(lease.starts_with(format!("{prefix}\u{1}l:").as_bytes()));
            let counter = [&lease[..], b"\x01n"].concat();
            assert_eq!(slot_of(&lease), slot_of(&counter), "{value}");
            if !value.contains("a}b") && !value.contains("{}") {
                assert_eq!(slot_of(&lease), slot_of(value.as_bytes()), "{value}");
            }
        }
        // as CLUSTER KEYSLOT says
        assert_eq!(slot_of(b"123456789"), 12_739);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"user1000"));
        assert_eq!(slot_of(b"foo{}{bar}"), crc16::State::<crc16::XMODEM>::calculate(b"foo{}{bar}") % 16_384);
    }
}
