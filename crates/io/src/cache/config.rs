//! What an engine is opened with: total values, checked by the shell.

use crate::{disk, memory, redis};
use serde::Deserialize;
use sluice_core::cache::coherence::Rules;
use sluice_core::cache::lifetime::{Caps, millis};
use sluice_core::cache::read::Tiers;
use sluice_core::cache::{Millis, NEVER};
use std::path::PathBuf;

/// The settings of `lib/cache/engine.js`, as JSON. Seconds that are null are no cap.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Memory; null: values are not kept there.
    pub memory: Option<Memory>,
    /// Absences; null: not remembered.
    pub negative: Option<Negative>,
    /// Redis.
    pub redis: Option<Redis>,
    /// Disk.
    pub disk: Option<Disk>,
    /// The share by which deadlines are moved.
    pub jitter: f64,
}
/// The memory tier.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Memory {
    /// Instances with one name share the tier.
    pub shared: Option<String>,
    /// Whether bytes are kept here; else values live in JavaScript.
    pub stores: bool,
    /// Bytes at most.
    pub max_bytes: u64,
    /// Entries at most; 0: as many as fit.
    pub max_entries: u64,
    /// `lru`, `lfu`, `tinylfu` or `s3fifo`.
    pub policy: String,
    /// Seconds.
    pub ttl: f64,
}
/// Remembered absences.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Negative {
    /// Seconds.
    pub ttl: f64,
    /// Keys at most.
    pub max_keys: usize,
}
/// The Redis tier.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redis {
    /// The connection; null: a client of the application's, which is asked from JavaScript.
    pub link: Option<redis::Config>,
    /// Seconds.
    pub ttl: Option<f64>,
    /// `serve` or `miss`.
    pub when_down: String,
}
/// The disk tier.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disk {
    /// The directory.
    pub path: PathBuf,
    /// Seconds.
    pub ttl: Option<f64>,
    /// Bytes at most.
    pub max_bytes: u64,
    /// 0: never.
    pub compress_min_bytes: usize,
}

static CELLS_ONLY: Memory =
    Memory { shared: None, stores: false, max_bytes: 1, max_entries: 0, policy: String::new(), ttl: 10.0 };
fn cap(seconds: Option<f64>) -> Millis {
    seconds.map_or(NEVER, millis)
}

impl Config {
    /// Our own connection.
    pub fn link(&self) -> Option<&redis::Config> {
        self.redis.as_ref()?.link.as_ref()
    }
    /// What the decisions need to know.
    pub fn tiers(&self) -> Tiers {
        let memory = self.memory.as_ref();
        Tiers {
            memory: memory.is_some_and(|memory| memory.stores),
            caps: Caps {
                redis: self.redis.as_ref().map(|redis| cap(redis.ttl)),
                disk: self.disk.as_ref().map(|disk| cap(disk.ttl)),
            },
            rules: Rules {
                memory_ttl: millis(memory.unwrap_or(&CELLS_ONLY).ttl),
                serves_when_down: self.redis.as_ref().is_none_or(|redis| redis.when_down == "serve"),
            },
            negative: self.negative.as_ref().map(|negative| millis(negative.ttl)),
        }
    }
    /// How memory is opened; without a memory tier it holds epochs, leases and absences only.
    pub fn memory(&self) -> memory::Config {
        let memory = self.memory.as_ref().unwrap_or(&CELLS_ONLY);
        memory::Config {
            shared: memory.shared.clone(),
            stores: memory.stores,
            max_bytes: memory.max_bytes,
            max_entries: memory.max_entries,
            policy: match memory.policy.as_str() {
                "lru" => memory::Policy::Lru,
                "lfu" | "tinylfu" => memory::Policy::TinyLfu,
                _ => memory::Policy::S3Fifo,
            },
            negative_keys: self.negative.as_ref().map_or(0, |negative| negative.max_keys),
        }
    }
    /// How the disk is opened.
    pub fn disk(&self) -> Option<disk::Config> {
        self.disk.as_ref().map(|disk| disk::Config {
            path: disk.path.clone(),
            max_bytes: disk.max_bytes,
            compress_min_bytes: disk.compress_min_bytes,
            follows: self.link().is_some(),
        })
    }
}
