//! Walks a store that was not closed cleanly, before LMDB maps it.

use sluice_core::cache::pages::{self, Pages};
use std::fs::File;
use std::path::Path;

struct Reader {
    file: File,
    bytes: u64,
}
impl Pages for Reader {
    fn bytes(&self) -> u64 {
        self.bytes
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> bool {
        use std::io::{Read, Seek, SeekFrom};
        self.file.seek(SeekFrom::Start(at)).is_ok() && self.file.read_exact(into).is_ok()
    }
}

/// Whether every page that LMDB could come to lies within the file and holds what it should; why not, otherwise.
pub(super) fn walk(data: &Path) -> Result<(), String> {
    let file = File::open(data).map_err(|error| error.to_string())?;
    let bytes = file.metadata().map_err(|error| error.to_string())?.len();
    if bytes == 0 {
        return Ok(());
    }
    pages::check(&mut Reader { file, bytes }, super::tables::NAMES)
}
