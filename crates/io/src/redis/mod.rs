//! Redis: our own connection, its breaker, tracking and the invalidation channel.
//!
//! A `Link` has one `Node` for each master: one for a server or what sentinels name, several for a cluster. Each node
//! has one multiplexed connection that carries commands, pushes of tracking and the channel, so that an invalidation is
//! told before any later reply is. The cluster's slots are kept here and not by the crate's cluster client: that one has
//! neither a push order per node nor a bound on its retries, and it cannot SCAN one node.

mod call;
mod catch_up;
mod claim;
pub(crate) mod compress;
mod connection;
mod fault;
pub(crate) mod lease;
mod limit;
mod link;
mod node;
mod pushes;
mod read;
mod route;
mod sentinel;
mod shared;
mod sweep;
mod target;
mod topology;
mod value;
pub(crate) mod write;

pub use limit::Take;
pub use link::Link;

use bytes::Bytes;
use serde::Deserialize;
use sluice_core::cache::Record;
use sluice_core::error::Error;

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
    /// Redis is up or down. Of a cluster: up while any master is.
    fn state(&self, state: State, why: Option<Error>);
    /// The invalidation channel is heard, or was lost: what was published meanwhile is not known. Told only where
    /// `publishes` is set.
    fn channel(&self, _heard: bool) {}
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
    /// Its master is down or did not answer in time, while others did.
    Unreachable,
}
/// What Redis said to a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// Ours, with its fencing token.
    Granted(u64),
    /// Another's.
    Busy,
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

/// A step about the claim of a key; see `sluice_core::batch::claim`. `value` is what the claim holds while it is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Takes what nobody has; another's is looked at.
    Take {
        /** Without prefix. */
        key: Bytes,
        /** Ours. */
        value: String,
        /** How long it lives. */
        lease_ms: u64,
    },
    /// Keeps it, or takes it again where it is gone.
    Renew {
        /** Without prefix. */
        key: Bytes,
        /** Ours. */
        value: String,
        /** How long it lives from now on. */
        lease_ms: u64,
    },
    /// It had its effect.
    Finish {
        /** Without prefix. */
        key: Bytes,
        /** Ours. */
        value: String,
        /** What it says from now on. */
        done: String,
        /** For how long; None: for good. */
        ttl_ms: Option<u64>,
    },
    /// It had none.
    Release {
        /** Without prefix. */
        key: Bytes,
        /** Ours. */
        value: String,
    },
}
impl Step {
    /// Its key, without prefix.
    pub fn key(&self) -> &[u8] {
        match self {
            Step::Take { key, .. }
            | Step::Renew { key, .. }
            | Step::Finish { key, .. }
            | Step::Release { key, .. } => key,
        }
    }
}
/// What a key holds after a `Take`; nothing is said of it after other steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its value; None: it is gone by now.
    pub value: Option<String>,
    /// How long that lives on; None: not known, or for good.
    pub left_ms: Option<u64>,
}
