//! An open store: LMDB's environment, its tables, our place in it, and what is read from them.

use super::page::Word;
use super::place::{self, DATA, Entered, Place};
use super::tables::{Counters, Tables, number};
use super::{Answer, Config};
use bytes::Bytes;
use heed::{Env, EnvFlags, EnvOpenOptions, WithTls};
use sluice_core::cache::ring::{Behind, Change, Holder, behind};
use sluice_core::cache::stored::{LONG, SHORT, Stored, stored_key, stored_prefix};
use sluice_core::cache::{Millis, key_hash};
use sluice_core::error::Error;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::Ordering;

const MAX_READERS: u32 = 1022;
/// Room beside the byte cap for what commits copy, free and index.
const MAP_ROOM: u64 = 64 << 20;
const MAP_UNIT: u64 = 1 << 20;
/// No value is larger: a wrong length must not make us allocate without end.
pub(super) const MAX_VALUE_BYTES: usize = 512 << 20;

pub(super) struct Store {
    pub(super) env: Env<WithTls>,
    pub(super) tables: Tables,
    pub(super) place: Place,
    pub(super) origin: Vec<u8>,
    /// Names this opening in the ring.
    pub(super) writer: u64,
}

/// Opens the store at a directory; a damaged one is set aside, and told.
pub(super) fn open(root: &Path, config: &Config, create: bool) -> Result<(Store, Option<Error>), Error> {
    let entered = place::enter(root, create)?;
    let alone = entered.alone;
    let dir = entered.place.dir.clone();
    match Store::open(entered, config) {
        Err((_, aside @ None, why)) if alone && create && dir.join(DATA).exists() && is_damage(&why) => {
            drop(aside);
            let aside = place::set_aside(root, &dir, &why.to_string())?;
            let entered = place::enter(root, create)?;
            let store = Store::open(entered, config).map_err(|(_, _, why)| place::io_error(root, why))?;
            Ok((store.0, Some(aside)))
        }
        Ok(opened) => Ok(opened),
        Err((_gate, _, why)) => Err(place::io_error(root, why)),
    }
}
/// Whether LMDB says that the file is not what it should be.
pub(super) fn is_damage(why: &heed::Error) -> bool {
    use heed::MdbError::{Corrupted, Incompatible, Invalid, PageNotFound, VersionMismatch};
    matches!(why, heed::Error::Mdb(Corrupted | Incompatible | Invalid | PageNotFound | VersionMismatch))
}

type Opened = (Store, Option<Error>);
type Refused = (place::Gate, Option<Error>, heed::Error);
impl Store {
    fn open(entered: Entered, config: &Config) -> Result<Opened, Refused> {
        let Entered { mut place, gate, alone, aside } = entered;
        let made = Self::map(&place, config).and_then(|env| {
            if alone {
                env.clear_stale_readers()?;
            }
            let (tables, counters, origin) = Tables::open(&env, random_bytes(), place.page.generation())?;
            Ok((env, tables, counters, origin))
        });
        match made {
            Ok((env, tables, counters, origin)) => {
                // the page may have been lost with the machine's memory, the table not
                place.page.word(Word::Generation).fetch_max(counters.generation, Ordering::AcqRel);
                place.identify();
                drop(gate);
                Ok((
                    Self { env, tables, place, origin, writer: u64::from_le_bytes(half(random_bytes())) },
                    aside,
                ))
            }
            Err(why) => Err((gate, aside, why)),
        }
    }
    fn map(place: &Place, config: &Config) -> heed::Result<Env<WithTls>> {
        let wanted = config.max_bytes.saturating_mul(2).saturating_add(MAP_ROOM).next_multiple_of(MAP_UNIT);
        // one size for all processes: a smaller map could not see what another one wrote
        let map = place.page.word(Word::Map).fetch_max(wanted, Ordering::AcqRel).max(wanted);
        let mut options = EnvOpenOptions::new();
        options.map_size(usize::try_from(map).unwrap_or(usize::MAX / 2)).max_dbs(16).max_readers(MAX_READERS);
        // SAFETY: the flag asks for nothing of us; the file is only opened here, once per process (registry and
        // place), and has been walked when it was not closed cleanly.
        unsafe { options.flags(EnvFlags::NO_META_SYNC).open(&place.dir) }
    }
    pub(super) fn generation(&self) -> u64 {
        self.place.page.generation()
    }
    /// The last commit's number; costs two reads of memory.
    pub(super) fn last_commit(&self) -> usize {
        self.env.info().last_txn_id
    }
    /// Reads a key; `hidden` says whether a record is on its way out.
    pub(super) fn get(
        &self,
        key: &[u8],
        now: Millis,
        hidden: &dyn Fn(&Stored<'_>) -> bool,
        is_suspect: &dyn Fn(u64) -> bool,
    ) -> heed::Result<(Answer, u64)> {
        let txn = self.env.read_txn()?;
        let under = stored_key(key);
        let Some(value) = self.tables.entries.get(&txn, &under)? else { return Ok((Answer::Absent, 0)) };
        let damaged = || (Answer::Damaged, key_hash(value));
        let Some(stored) = Stored::read(&under, value) else { return Ok(damaged()) };
        // two long keys of one hash are two keys; a record of another generation is none
        let is_gone = stored.key != key || stored.head.stamp.generation != self.generation();
        if is_gone || now > stored.head.stale_until || hidden(&stored) {
            return Ok((Answer::Absent, 0));
        }
        let bytes = match stored.inflated {
            None => Bytes::copy_from_slice(stored.bytes),
            Some(length) if length > MAX_VALUE_BYTES => return Ok(damaged()),
            Some(length) => match zstd::bulk::decompress(stored.bytes, length) {
                Ok(bytes) if bytes.len() == length => Bytes::from(bytes),
                _ => return Ok(damaged()),
            },
        };
        let suspect = is_suspect(stored.head.stamp.seq);
        Ok((Answer::Found { record: stored.record(bytes), suspect }, 0))
    }
    /// Keys of fresh records that begin so, in order, until `take` has had enough.
    pub(super) fn keys(
        &self,
        prefix: &[u8],
        now: Millis,
        take: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> heed::Result<()> {
        let generation = self.generation();
        for mark in [SHORT, LONG] {
            let start = stored_prefix(mark, prefix);
            let mut from = start.clone();
            // in parts, so that one listing does not hold old pages for long
            loop {
                let txn = self.env.read_txn()?;
                let mut next = None;
                let rows = self
                    .tables
                    .entries
                    .range(&txn, &(Bound::Included(&from[..]), Bound::<&[u8]>::Unbounded))?;
                for (looked, row) in rows.enumerate() {
                    let (under, value) = row?;
                    if !under.starts_with(&start) {
                        break;
                    }
                    if looked == 4096 {
                        next = Some(under.to_vec());
                        break;
                    }
                    let Some(stored) = Stored::read(under, value) else { continue };
                    let is_fresh = now <= stored.head.deadline && stored.head.stamp.generation == generation;
                    if is_fresh && stored.key.starts_with(prefix) && !take(&stored) {
                        return Ok(());
                    }
                }
                match next {
                    Some(next) => from = next,
                    None => break,
                }
            }
        }
        Ok(())
    }
    /// What other processes changed after row `seen`; None when the ring no longer has it all. Gives the last row, and
    /// the commit that it has looked at: a writer shows the number of its commit before readers get to see it.
    pub(super) fn since(&self, seen: u64) -> heed::Result<(Option<Change>, u64, usize)> {
        let txn = self.env.read_txn()?;
        let (change, last) = changes_since(&self.tables, &txn, self.writer, seen)?;
        Ok((change, last, txn.id()))
    }
    pub(super) fn last_row(&self) -> heed::Result<u64> {
        let txn = self.env.read_txn()?;
        Ok(self.tables.ring.last(&txn)?.map_or(0, |(key, _)| number(key)))
    }
    pub(super) fn next_seq(&self) -> heed::Result<u64> {
        let txn = self.env.read_txn()?;
        Ok(self.tables.counters(&txn)?.seq)
    }
    /// Whether a lease is another process's, as last committed; of our own more may be on the way.
    pub(super) fn is_leased(&self, key: &[u8], owner: u64, now: Millis) -> heed::Result<bool> {
        let txn = self.env.read_txn()?;
        let held = self.tables.leases.get(&txn, &stored_key(key))?.and_then(Holder::decode);
        drop(txn);
        Ok(held.filter(|held| held.process != self.process()).is_some_and(|held| {
            // asking who is alive costs files: only where it matters
            let keeps_out = |is_dead| held.keeps_out(owner, self.process(), now, is_dead);
            keeps_out(false) && keeps_out(self.place.is_dead(held.process))
        }))
    }
    pub(super) fn process(&self) -> (u64, u64) {
        (self.place.index as u64, self.place.turn)
    }
    /// Closes it; true in `is_whole` lets the next opener trust the file.
    pub(super) fn close(self, is_whole: bool) {
        let Self { env, place, .. } = self;
        env.prepare_for_closing().wait();
        place.leave(is_whole);
    }
}
/// See `Store::since`; within a transaction.
pub(super) fn changes_since(
    tables: &Tables,
    txn: &heed::RoTxn,
    own: u64,
    seen: u64,
) -> heed::Result<(Option<Change>, u64)> {
    let Some((last, _)) = tables.ring.last(txn)? else { return Ok((Some(Change::default()), seen)) };
    let last = number(last);
    let first = tables.ring.first(txn)?.map_or(0, |(key, _)| number(key));
    let from = match behind(seen, first, last) {
        Behind::Current => return Ok((Some(Change::default()), last)),
        Behind::Overrun => return Ok((None, last)),
        Behind::From(from) => from,
    };
    let mut sum = Change::default();
    let start = from.to_be_bytes();
    for row in tables.ring.range(txn, &(Bound::Included(&start[..]), Bound::<&[u8]>::Unbounded))? {
        let (_, row) = row?;
        if row.first_chunk().is_none_or(|writer| u64::from_le_bytes(*writer) != own) {
            sum.merge_row(row);
        }
    }
    Ok((Some(sum), last))
}
pub(super) fn half(bytes: [u8; 16]) -> [u8; 8] {
    bytes.first_chunk().copied().unwrap_or_default()
}
/// Random enough to tell stores and openings apart: the standard library's own seed, which the system gives.
pub(super) fn random_bytes() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let [one, two] = [
        RandomState::new().hash_one(std::process::id()),
        RandomState::new().hash_one(Counters::default().seq),
    ];
    (u128::from(one) << 64 | u128::from(two)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::error::Kind;

    /// A second copy of the package has statics of its own: it comes past the registry.
    #[test]
    fn a_second_copy_in_one_process_is_refused() {
        let path = std::env::temp_dir().join(format!("sluice-copies-{}", std::process::id()));
        let root = place::root(&path).unwrap();
        let config = Config { path, max_bytes: 1 << 20, compress_min_bytes: 0, follows: false };
        let (store, _) = open(&root, &config, true).unwrap();
        for _ in 0..2 {
            assert_eq!(open(&root, &config, true).err().unwrap().kind, Kind::StoreLocked);
        }
        store.close(true);
        let (store, aside) = open(&root, &config, true).unwrap();
        assert_eq!((store.place.index, store.place.turn, aside), (0, 2, None));
        store.close(true);
        std::fs::remove_dir_all(root).unwrap();
    }
}
