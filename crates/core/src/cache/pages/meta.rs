//! The two meta pages of an LMDB file, and where the trees of the newest snapshot begin.

use super::{Checked, HEADER, Pages, number, short};

pub(super) const DB_BYTES: usize = 48;
const META_BYTES: usize = 136;
const MAGIC: u64 = 0xBEEF_C0DE;
const META: usize = 8;
const INTEGER_KEY: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(super) struct Db {
    pub(super) pad: u64,
    pub(super) flags: usize,
    pub(super) depth: usize,
    pub(super) counts: [u64; 4],
    pub(super) root: u64,
}
#[derive(Debug, Clone, Copy)]
pub(super) struct Meta {
    pub(super) page_bytes: usize,
    pub(super) free: Db,
    pub(super) main: Db,
    pub(super) last_page: u64,
    pub(super) txn: u64,
}

/// The meta page of the newest snapshot, when both fit together.
pub(super) fn newest(file: &mut dyn Pages) -> Checked<Meta> {
    let mut head = [0; HEADER + META_BYTES];
    let one = read_meta(file, 0, &mut head)?;
    let two = read_meta(file, one.page_bytes as u64, &mut head)?;
    if one.page_bytes != two.page_bytes {
        return Err("its two meta pages differ in page size".into());
    }
    // transaction n writes meta page n % 2, the first one aside: another order would bring back what was deleted
    match (one.txn, two.txn) {
        (0, 0) => Ok(one),
        (older, newer) if newer == older.saturating_add(1) && newer % 2 == 1 => Ok(two),
        (newer, older) if newer == older.saturating_add(1) && newer % 2 == 0 => Ok(one),
        _ => Err("its meta pages do not follow each other".into()),
    }
}

pub(super) fn read_db(bytes: &[u8], at: usize) -> Checked<Db> {
    let counts = [at + 8, at + 16, at + 24, at + 32];
    let mut numbers = [0; 4];
    for (place, at) in numbers.iter_mut().zip(counts) {
        *place = number(bytes, at, 8)?;
    }
    Ok(Db {
        pad: number(bytes, at, 4)?,
        flags: short(bytes, at + 4)?,
        depth: short(bytes, at + 6)?,
        counts: numbers,
        root: number(bytes, at + 40, 8)?,
    })
}
fn read_meta(file: &mut dyn Pages, at: u64, head: &mut [u8]) -> Checked<Meta> {
    if !file.read(at, head) {
        return Err("it ends before its meta pages".into());
    }
    if short(head, 10)? != META || number(head, 16, 4)? != MAGIC || number(head, 20, 4)? != 1 {
        return Err("a meta page is not one of LMDB".into());
    }
    let free = read_db(head, HEADER + 24)?;
    let page_bytes = free.pad as usize;
    if !page_bytes.is_power_of_two() || !(1024..=32_768).contains(&page_bytes) {
        return Err(format!("its page size is {page_bytes}"));
    }
    let main = read_db(head, HEADER + 24 + DB_BYTES)?;
    if free.flags != INTEGER_KEY || main.flags != 0 || main.pad != 0 {
        return Err("a meta page has flags that are not ours".into());
    }
    let last_page = number(head, HEADER + 24 + 2 * DB_BYTES, 8)?;
    Ok(Meta { page_bytes, free, main, last_page, txn: number(head, HEADER + 32 + 2 * DB_BYTES, 8)? })
}
