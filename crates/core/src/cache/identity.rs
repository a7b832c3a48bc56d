//! The hasher of maps whose keys are hashes already.

use std::hash::{BuildHasherDefault, Hasher};

/// Takes a key hash as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity(u64);
impl Identity {
    /// What a map is built with.
    pub fn build() -> BuildHasherDefault<Self> {
        BuildHasherDefault::default()
    }
}
impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(bytes, self.0);
    }
}
