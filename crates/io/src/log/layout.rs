//! What is in a file from its first commit on.

use super::apply::Queues;
use super::codec::State;
use super::fault::Fail;
use super::tables::{DEAD, EXPIRY, FORMAT, ID, META, NOTES, PENDING, QUEUES, SEEN, VERSION};
use redb::{Database, ReadableDatabase, ReadableTable};

/// The first commit: all tables are there from then on.
pub(super) fn prepare(database: &Database, id: u128) -> Result<(), Fail> {
    let txn = database.begin_write()?;
    {
        let mut meta = txn.open_table(META)?;
        meta.insert(FORMAT, VERSION.to_le_bytes().as_slice())?;
        meta.insert(ID, id.to_le_bytes().as_slice())?;
        txn.open_table(QUEUES)?;
        txn.open_table(PENDING)?;
        txn.open_table(DEAD)?;
        txn.open_table(SEEN)?;
        txn.open_table(EXPIRY)?;
        txn.open_table(NOTES)?;
    }
    Ok(txn.commit()?)
}
/// Format version, identity and queues. Of a newer format the version alone.
pub(super) fn look(database: &Database) -> Result<(u32, u128, Queues), Fail> {
    let txn = database.begin_read()?;
    let meta = txn.open_table(META)?;
    let version = meta.get(FORMAT)?.and_then(|found| found.value().try_into().ok().map(u32::from_le_bytes));
    let version = version.filter(|version| *version > 0).ok_or(Fail::Damaged("the format's number"))?;
    if version > VERSION {
        return Ok((version, 0, Queues::new()));
    }
    let id = meta.get(ID)?.and_then(|found| found.value().try_into().ok().map(u128::from_le_bytes));
    let id = id.ok_or(Fail::Damaged("the file's identity"))?;
    let mut queues = Queues::new();
    for found in txn.open_table(QUEUES)?.iter()? {
        let (name, state) = found?;
        let state = State::decode(state.value(), name.value()).ok_or(Fail::Damaged("a queue"))?;
        queues.insert(name.value().into(), state);
    }
    txn.open_table(PENDING)?;
    txn.open_table(DEAD)?;
    txn.open_table(SEEN)?;
    txn.open_table(EXPIRY)?;
    txn.open_table(NOTES)?;
    Ok((version, id, queues))
}

/// A random number: the system's hashing keys are random, and go on from call to call.
pub(super) fn new_id() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    let half = || u128::from(RandomState::new().hash_one((std::process::id(), std::time::SystemTime::now())));
    half() << 64 | half()
}
