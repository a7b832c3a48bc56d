//! Redis: our own connection, its breaker, tracking and the invalidation channel.

use bytes::Bytes;
use serde::Deserialize;
use sluice_core::cache::{Millis, Record};
use sluice_core::error::Error;
use std::sync::Arc;

/// What a link is opened with; names as in the public options.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// One: a server. Several: the nodes of a cluster. None: see `sentinel`.
    pub urls: Vec<String>,
    /// A master that sentinels know.
    pub sentinel: Option<Sentinel>,
    /// ACL user.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Database number.
    pub db: Option<i64>,
    /// TLS, PEM texts.
    pub tls: Option<Tls>,
    /// Before each key.
    pub key_prefix: String,
    /// Milliseconds.
    pub connect_timeout_ms: u64,
    /// One deadline for a call, tries included. Milliseconds.
    pub command_timeout_ms: u64,
    /// Failed calls in a row that open the breaker; 0: no breaker.
    pub breaker_failures: u32,
    /// Milliseconds between probes.
    pub probe_ms: u64,
    /// Whether values are written 'plain'.
    pub plain: bool,
    /// Client tracking.
    pub tracking: bool,
    /// Whether every change is published for the disk tiers of other hosts.
    pub publishes: bool,
    /// Compress values from this many bytes; 0: never.
    pub compress_min_bytes: usize,
}
/// Where a master is asked for.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sentinel {
    /// The master's name.
    pub master_name: String,
    /// `host:port` or URLs.
    pub nodes: Vec<String>,
    /// Of the sentinels.
    pub password: Option<String>,
}
/// TLS settings, PEM texts.
#[derive(Debug, Clone, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tls {
    /// Certificate authority.
    pub ca: Option<String>,
    /// Client certificate.
    pub cert: Option<String>,
    /// Client key.
    pub key: Option<String>,
    /// Name that the certificate must carry.
    pub servername: Option<String>,
    /// false: any certificate will do.
    pub reject_unauthorized: Option<bool>,
}

/// Whether Redis answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not connected yet.
    Idle,
    /// It answers.
    Up,
    /// The breaker is open or there is no connection: calls fail at once.
    Down,
}

/// What a link tells its owner, from the I/O thread: quick, and never blocking. Pushes are told inside the push
/// sender's own call, before any later reply is.
pub trait Listener: Send + Sync {
    /// Another client changed these keys (without prefix); None: any key may have changed.
    fn changed(&self, keys: Option<&[&[u8]]>);
    /// A host published these changed keys (disk tiers); `origin` is what its `publish` gave.
    fn published(&self, origin: &[u8], change: Change<'_>);
    /// Tracking is up (with a new connection), or lost.
    fn tracking(&self, up: bool, why: Option<Error>);
    /// Redis is up or down.
    fn state(&self, state: State, why: Option<Error>);
}
/// A change on the invalidation channel.
#[derive(Debug)]
pub enum Change<'a> {
    /// Keys, without prefix.
    Keys(Vec<&'a [u8]>),
    /// A glob.
    Pattern(&'a [u8]),
    /// A tag.
    Tag(&'a str),
    /// Everything with this prefix.
    Prefix(&'a [u8]),
}

/// What Redis said of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Nothing there.
    Absent,
    /// A value; its deadlines are local ones, made from the time left. `known_ttl` is false where the time left is unknown.
    Found {
        /** The value. */
        record: Record,
        /** Whether the deadline is known. */
        known_ttl: bool,
    },
    /// Something that we cannot read: a miss that is counted.
    Damaged,
}
/// What Redis said to a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// Ours, with its fencing token.
    Granted(u64),
    /// Another's.
    Busy,
}

/// A connection to Redis, shared by what uses one engine.
pub struct Link {
    #[expect(dead_code, reason = "skeleton")]
    config: Config,
}
#[expect(unused_variables, clippy::unused_async, reason = "skeleton")]
impl Link {
    /// A link that is not connected yet.
    pub fn new(config: Config, listener: Arc<dyn Listener>) -> Arc<Self> {
        Arc::new(Self { config })
    }
    /// Connects in the background; settles when the first try has ended, well or not.
    pub async fn connect(&self) {}
    /// Whether it answers, without asking.
    pub fn state(&self) -> State {
        State::Down
    }
    /// Whether tracking is up.
    pub fn is_tracking(&self) -> bool {
        false
    }
    /// Values of many keys, in their order. `Err`: down, or not answered in time.
    pub async fn get_many(&self, keys: &[Bytes], now: Millis) -> Result<Vec<Answer>, Error> {
        Err(down())
    }
    /// Writes records in order; `only_absent` is NX (a fill). One result for each.
    pub async fn set_many(&self, writes: Vec<Write>, now: Millis) -> Vec<Result<bool, Error>> {
        writes.iter().map(|_| Err(down())).collect()
    }
    /// Deletes exact keys; how many there were.
    pub async fn remove(&self, keys: &[Bytes], origin: &[u8]) -> Result<u64, Error> {
        Err(down())
    }
    /// SCAN and UNLINK on every master; how many.
    pub async fn remove_pattern(&self, glob: &[u8], origin: &[u8]) -> Result<u64, Error> {
        Err(down())
    }
    /// Deletes what carries a tag; how many, and which, so that other tiers can follow.
    pub async fn remove_tag(&self, tag: &str, origin: &[u8]) -> Result<Vec<Bytes>, Error> {
        Err(down())
    }
    /// Keys (without prefix) that begin so, at most `limit`.
    pub async fn keys(&self, prefix: &[u8], limit: usize) -> Result<Vec<Bytes>, Error> {
        Err(down())
    }
    /// Takes, renews (same owner) or is refused a lease.
    pub async fn lease(&self, key: &[u8], owner: &[u8], ttl_ms: u64) -> Result<Lease, Error> {
        Err(down())
    }
    /// Ends a lease of that owner.
    pub async fn release(&self, key: &[u8], owner: &[u8]) -> Result<(), Error> {
        Err(down())
    }
    /// Whether keys or patterns were missed while it was down and wait to be invalidated; they are kept here up to
    /// 100,000 keys and 1,000 patterns, beyond that the whole prefix is unlinked.
    pub fn missed(&self, change: Change<'_>) {}
    /// Closes; pending calls fail.
    pub async fn close(&self) {}
}
/// A write of one key.
#[derive(Debug, Clone)]
pub struct Write {
    /// Without prefix.
    pub key: Bytes,
    /// The value with local deadlines.
    pub record: Record,
    /// NX: a fill never overwrites.
    pub only_absent: bool,
    /// A load's fill: stored only if this owner still holds the key's lease with this token.
    pub fence: Option<(Bytes, u64)>,
    /// Publish the key for other hosts' disk tiers, as that origin.
    pub publish: Option<Bytes>,
}
fn down() -> Error {
    Error::new(sluice_core::error::Kind::Redis).with("detail", "it is down")
}
