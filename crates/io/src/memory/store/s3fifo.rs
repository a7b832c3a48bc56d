//! S3-FIFO, by quick_cache.

use super::{ByteStore, Config, Copy, Departed, Entries, Identity, Scale};
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};

/// Measured: a slot with its links, its place in the map, and a share of the ghosts.
const OVERHEAD_BYTES: u64 = 64;
/// An entry of the middle size, for how many ghosts there are.
const USUAL_BYTES: u64 = 320;
/// A shard holds its share of the bytes only, so there are several only where a share is large.
const SHARD_BYTES: u64 = 64 << 20;
const SHARD_ENTRIES: u64 = 50_000;
const MAX_SHARDS: u64 = 8;
/// The share of the room for entries that have been used again; in a cache of few entries all of it, so that even
/// the only entry fits in.
const HOT: f64 = 0.97;
const FEW_ENTRIES: u64 = 64;

#[derive(Clone)]
struct Weight(Scale);
impl Weighter<u64, Copy> for Weight {
    fn weight(&self, _: &u64, entry: &Copy) -> u64 {
        self.0.weigh(entry)
    }
}
#[derive(Clone)]
struct Tell;
impl Lifecycle<u64, Copy> for Tell {
    type RequestState = Entries;
    fn on_evict(&self, left: &mut Entries, hash: u64, entry: Copy) {
        left.push(hash, entry);
    }
}

pub(super) struct S3Fifo {
    cache: Cache<u64, Copy, Weight, Identity, Tell>,
    scale: Scale,
    heaviest: u64,
}
impl S3Fifo {
    pub(super) fn new(config: &Config) -> Self {
        let scale = Scale::new(config, OVERHEAD_BYTES);
        let fit = (scale.capacity / USUAL_BYTES).max(1);
        let entries = if config.max_entries == 0 { fit } else { config.max_entries.min(fit) };
        let shards = match config.shared {
            Some(_) => (scale.capacity / SHARD_BYTES).min(entries / SHARD_ENTRIES).clamp(1, MAX_SHARDS),
            None => 1,
        };
        let hot = if (1..=FEW_ENTRIES).contains(&config.max_entries) { 1.0 } else { HOT };
        let mut options = OptionsBuilder::new();
        options.shards(shards as usize).weight_capacity(scale.capacity).hot_allocation(hot);
        options.estimated_items_capacity(entries as usize);
        let cache = match options.build() {
            Ok(options) => Cache::with_options(options, Weight(scale), Identity::default(), Tell),
            // only an option left out is refused
            Err(_) => Cache::with(entries as usize, scale.capacity, Weight(scale), Identity::default(), Tell),
        };
        let heaviest = (cache.shard_capacity() as f64 * hot) as u64;
        Self { cache, scale, heaviest }
    }
}
impl ByteStore for S3Fifo {
    fn get(&self, hash: u64) -> Option<Copy> {
        self.cache.get(&hash)
    }
    fn peek(&self, hash: u64) -> Option<Copy> {
        self.cache.peek(&hash)
    }
    fn insert(&self, hash: u64, entry: Copy, departed: &mut Departed) {
        let mut left = Entries::default();
        self.cache.insert_with_lifecycle(hash, entry.clone(), &mut left);
        for (of, gone) in left.first.into_iter().chain(left.rest) {
            // what is replaced is told as evicted is; the new entry itself may be evicted, too
            if of != hash || gone.is(&entry) {
                departed.evicted.push(of, gone);
            } else if gone.is_tagged() {
                departed.replaced.push(of, gone);
            }
        }
    }
    fn remove(&self, hash: u64) -> Option<Copy> {
        self.cache.remove(&hash).map(|(_, entry)| entry)
    }
    fn each(&self, visit: &mut dyn FnMut(u64, &Copy)) {
        self.cache.iter().for_each(|(hash, entry)| visit(hash, &entry));
    }
    fn weight(&self) -> u64 {
        self.cache.weight()
    }
    fn entries(&self) -> u64 {
        self.cache.len() as u64
    }
    fn weigh(&self, entry: &Copy) -> u64 {
        self.scale.weigh(entry)
    }
    fn heaviest(&self) -> u64 {
        self.heaviest
    }
}
