//! LRU and TinyLFU, by moka. Its pending tasks run after each write, so that what it holds is within its bounds when
//! the write returns; its own expiry is not used.

use super::{ByteStore, Config, Copy, Departed, Identity, Policy, Scale};
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use parking_lot::Mutex;
use std::sync::Arc;

/// Measured: node, links, place in the map, counted key.
const OVERHEAD_BYTES: u64 = 300;

/// What moka tells from under its locks, kept until they are free.
type Told = Arc<Mutex<Vec<(u64, Copy, RemovalCause)>>>;

pub(super) struct Moka {
    cache: Cache<u64, Copy, Identity>,
    told: Told,
    scale: Scale,
}
impl Moka {
    pub(super) fn new(config: &Config) -> Self {
        let scale = Scale::new(config, OVERHEAD_BYTES);
        let told = Told::default();
        let listener = Arc::clone(&told);
        let policy = match config.policy {
            Policy::Lru => EvictionPolicy::lru(),
            Policy::TinyLfu | Policy::S3Fifo => EvictionPolicy::tiny_lfu(),
        };
        let cache = Cache::builder()
            .max_capacity(scale.capacity)
            .weigher(move |_, entry: &Copy| u32::try_from(scale.weigh(entry)).unwrap_or(u32::MAX))
            .eviction_policy(policy)
            .eviction_listener(move |hash: Arc<u64>, entry, cause| {
                let told = match cause {
                    RemovalCause::Explicit => false,
                    RemovalCause::Replaced => Copy::is_tagged(&entry),
                    _ => true,
                };
                if told {
                    listener.lock().push((*hash, entry, cause));
                }
            })
            .build_with_hasher(Identity::default());
        Self { cache, told, scale }
    }
}
impl ByteStore for Moka {
    fn get(&self, hash: u64) -> Option<Copy> {
        self.cache.get(&hash)
    }
    /// moka counts every look as a use.
    fn peek(&self, hash: u64) -> Option<Copy> {
        self.cache.get(&hash)
    }
    fn insert(&self, hash: u64, entry: Copy, departed: &mut Departed) {
        self.cache.insert(hash, entry);
        self.cache.run_pending_tasks();
        for (of, gone, cause) in std::mem::take(&mut *self.told.lock()) {
            // what another thread drove out may be among them: whoever finds it deals with it
            match cause {
                RemovalCause::Replaced => departed.replaced.push(of, gone),
                _ => departed.evicted.push(of, gone),
            }
        }
    }
    fn remove(&self, hash: u64) -> Option<Copy> {
        let removed = self.cache.remove(&hash);
        self.cache.run_pending_tasks();
        removed
    }
    fn each(&self, visit: &mut dyn FnMut(u64, &Copy)) {
        self.cache.iter().for_each(|(hash, entry)| visit(*hash, &entry));
    }
    fn weight(&self) -> u64 {
        self.cache.weighted_size()
    }
    fn entries(&self) -> u64 {
        self.cache.entry_count()
    }
    fn weigh(&self, entry: &Copy) -> u64 {
        self.scale.weigh(entry)
    }
    fn heaviest(&self) -> u64 {
        self.scale.capacity.min(u64::from(u32::MAX))
    }
}
