//! A page of numbers that all processes of a store have mapped: what must be true at once, without a commit.

use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};

/// Processes that may have a store open at a time.
pub(super) const PLACES: usize = 250;
const PLACE_WORDS: usize = 8;
const HEAD_WORDS: usize = 16;
const WORDS: usize = HEAD_WORDS + PLACES * PLACE_WORDS;
/// The file's length.
pub(super) const BYTES: u64 = (WORDS * 8) as u64;
const MAGIC: u64 = u64::from_le_bytes(*b"sluice\x00\x01");

/// Numbers of the store.
#[derive(Clone, Copy)]
pub(super) enum Word {
    /// What an older generation wrote is void.
    Generation = 1,
    /// Records with a lower number are older than a gap in what this host heard.
    Gap = 2,
    /// Bytes of the map that LMDB is opened with.
    Map = 3,
}
/// Numbers of a process that has the store open.
#[derive(Clone, Copy)]
pub(super) enum PlaceWord {
    /// How many have had this place.
    Turn = 0,
    /// Its process id.
    Pid = 1,
    /// Until when it heard the channel without a gap, by the system's clock; 0: it does not.
    Heard = 2,
}

pub(super) struct SharedPage {
    map: MmapRaw,
}
impl SharedPage {
    /// Maps the file, which is made anew when its size or mark is wrong and nobody else has it.
    pub(super) fn map(file: &File, alone: bool) -> std::io::Result<Self> {
        let is_new = file.metadata()?.len() != BYTES;
        if is_new && !alone {
            return Err(std::io::Error::other("the page of shared numbers is damaged"));
        }
        if is_new {
            file.set_len(0)?;
            // written, not only lengthened: a hole would have to find room on a full disk later
            std::io::Write::write_all(&mut &*file, &[0; BYTES as usize])?;
        }
        let page = Self { map: MmapOptions::new().len(BYTES as usize).map_raw(file)? };
        if page.at(0).load(Ordering::Acquire) != MAGIC {
            if !alone {
                return Err(std::io::Error::other("the page of shared numbers is damaged"));
            }
            (0..WORDS).for_each(|index| page.at(index).store(0, Ordering::Release));
            page.at(0).store(MAGIC, Ordering::Release);
        }
        Ok(page)
    }
    fn at(&self, index: usize) -> &AtomicU64 {
        let index = index.min(WORDS - 1);
        // SAFETY: the map is page-aligned and BYTES long, index stays below WORDS, it lives as long as self, and
        // nobody touches it but through atomics.
        unsafe { &*self.map.as_mut_ptr().cast::<AtomicU64>().add(index) }
    }
    pub(super) fn word(&self, word: Word) -> &AtomicU64 {
        self.at(word as usize)
    }
    pub(super) fn generation(&self) -> u64 {
        self.word(Word::Generation).load(Ordering::Acquire)
    }
    pub(super) fn place(&self, place: usize, word: PlaceWord) -> &AtomicU64 {
        self.at(HEAD_WORDS + place.min(PLACES - 1) * PLACE_WORDS + word as usize)
    }
    /// Makes everything that has been written void, for all processes, at once.
    pub(super) fn void(&self) -> u64 {
        let generation = self.word(Word::Generation).fetch_add(1, Ordering::AcqRel) + 1;
        // a power cut must not bring back what is void; where it cannot be written the numbers still hold while we run
        let _ = self.map.flush();
        generation
    }
}
