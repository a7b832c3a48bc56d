//! A log's file in redb.

use super::DurableStore;
use super::apply::{Changed, Changing, Queues};
use super::backend::FileBackend;
use super::codec::{State, decode_letter, decode_row, decode_seen};
use super::fault::{self, Fail};
use super::layout::{look, new_id, prepare};
use super::lock;
use super::row::{Change, Letter, Refused, Row, Seen, Seq};
use super::tables::{DEAD, NOTES, PENDING, SEEN, VERSION};
use redb::{Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend};
use sluice_core::error::{Error, Kind};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// Memory that redb may use for pages.
const CACHE_BYTES: usize = 8 << 20;

/// A log's file. Everything blocks; a panic of redb over a damaged file is an error.
#[derive(Debug)]
pub struct RedbStore {
    /// None once it was closed.
    database: Option<Database>,
    path: PathBuf,
    /// Which file it is; None: it lies in no file.
    file: Option<(u64, u64)>,
    id: u128,
    queues: Queues,
    bytes: u64,
    max_bytes: u64,
    durability: Durability,
}

impl RedbStore {
    /// Makes a file: under the name with `.new` behind it, renamed when its first commit is on disk.
    pub fn create(path: &Path, sync: bool, max_bytes: u64) -> Result<Self, Error> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let made = options()
            .create(true)
            .truncate(true)
            .open(&new)
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|error| fault::io(path, error))
            .and_then(|(twin, file)| {
                Ok((twin, Self::create_on(FileBackend::new(file, sync), path, max_bytes)?))
            });
        let named = made.and_then(|(twin, mut store)| {
            // also where commits do not wait for the disk: the name must not lead to half a file
            let named = twin.sync_all().and_then(|()| std::fs::rename(&new, path));
            named.and_then(|()| sync_dir(path)).map_err(|error| fault::io(path, error))?;
            store.file = lock::identity(path);
            Ok(store)
        });
        named.inspect_err(|_| {
            let _ = std::fs::remove_file(&new);
        })
    }
    /// Opens a file and checks all of it. Damage is `StoreCorrupt`: nothing of the file is used.
    pub fn open(path: &Path, sync: bool, max_bytes: u64) -> Result<Self, Error> {
        let file = options().open(path).map_err(|error| fault::io(path, error))?;
        let mut store = Self::open_on(FileBackend::new(file, sync), path, max_bytes)?;
        store.file = lock::identity(path);
        Ok(store)
    }
    /// Makes a store over an empty backend; `path` is its name in errors.
    pub fn create_on(backend: impl StorageBackend, path: &Path, max_bytes: u64) -> Result<Self, Error> {
        let id = new_id();
        fault::contain(path, || {
            let database = builder().create_with_backend(backend).map_err(|error| fault::of(path, error))?;
            prepare(&database, id).map_err(|fail| fail.at(path))?;
            Ok(Self {
                database: Some(database),
                path: path.into(),
                file: None,
                id,
                queues: Queues::new(),
                bytes: 0,
                max_bytes,
                durability: Durability::Immediate,
            })
        })
    }
    /// Opens the store that a backend holds.
    pub fn open_on(backend: impl StorageBackend, path: &Path, max_bytes: u64) -> Result<Self, Error> {
        fault::contain(path, || {
            if backend.len().map_err(|error| fault::io(path, error))? == 0 {
                return Err(fault::corrupt(path, "it is empty"));
            }
            let database = builder().create_with_backend(backend).map_err(|error| fault::of(path, error))?;
            let (version, id, queues) = look(&database).map_err(|fail| fail.at(path))?;
            if version > VERSION {
                let detail = format!("a newer version of sluice has written it (format {version})");
                return Err(fault::io(path, detail));
            }
            let bytes = queues.values().map(|state| state.bytes).sum();
            let durability = Durability::Immediate;
            Ok(Self {
                database: Some(database),
                path: path.into(),
                file: None,
                id,
                queues,
                bytes,
                max_bytes,
                durability,
            })
        })
    }
    /// Commits from now on without any promise: for the control run of the power cuts.
    #[doc(hidden)]
    pub fn promise_nothing(&mut self) {
        self.durability = Durability::None;
    }
    /// Whether it has no rows, no letters and no keys.
    pub fn is_empty(&self) -> bool {
        self.queues.values().all(State::is_empty)
    }
    /// Closes the file; what was committed is there either way. Dropping does the same.
    pub fn close(mut self) -> Result<(), Error> {
        let Some(database) = self.database.take() else { return Ok(()) };
        fault::contain(&self.path, || database.close().map_err(|error| fault::of(&self.path, error)))
    }

    fn database(&self) -> Result<&Database, Fail> {
        self.database.as_ref().ok_or(Fail::Redb(redb::Error::DatabaseClosed))
    }
    fn read<T>(&self, run: impl FnOnce(&ReadTransaction) -> Result<T, Fail>) -> Result<T, Error> {
        fault::contain(&self.path, || {
            let read = || run(&self.database()?.begin_read()?);
            read().map_err(|fail| fail.at(&self.path))
        })
    }
    /// Reads of a queue that is not there find nothing.
    fn read_queue<T: Default>(
        &self,
        queue: &str,
        run: impl FnOnce(&ReadTransaction, u32) -> Result<T, Fail>,
    ) -> Result<T, Error> {
        match self.queues.get(queue) {
            Some(state) => self.read(|txn| run(txn, state.id)),
            None => Ok(T::default()),
        }
    }
    /// A file that has lost its name would go on taking commits that nobody ever finds.
    fn check_name(&self) -> Result<(), Error> {
        match self.file {
            Some(file) if lock::identity(&self.path) != Some(file) => {
                Err(fault::io(&self.path, "it was removed, or replaced by another file"))
            }
            _ => Ok(()),
        }
    }
    fn write(&self, changes: &[Change], now: u64) -> Result<Changed, Fail> {
        let mut txn = self.database()?.begin_write()?;
        txn.set_durability(self.durability)?;
        let mut changing = Changing::begin(&txn, &self.queues, self.bytes, self.max_bytes)?;
        for (index, change) in changes.iter().enumerate() {
            changing.make(index, change)?;
        }
        let changed = changing.end(now)?;
        txn.commit()?;
        Ok(changed)
    }
}

impl DurableStore for RedbStore {
    fn commit(&mut self, changes: &[Change], now: u64) -> Result<Vec<Refused>, Error> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        self.check_name()?;
        let made =
            fault::contain(&self.path, || self.write(changes, now).map_err(|fail| fail.at(&self.path)));
        // it was whole when it was opened: what is wrong now is the disk
        let made = made.map_err(|error| Error { kind: Kind::StoreIo, ..error })?;
        self.queues.extend(made.queues);
        self.bytes = made.bytes;
        Ok(made.refused)
    }
    fn pending(&self, queue: &str) -> Result<Vec<Row>, Error> {
        self.read_queue(queue, |txn, id| {
            let table = txn.open_table(PENDING)?;
            let rows = table.range((id, 0)..=(id, u64::MAX))?.map(|found| {
                let (key, value) = found?;
                let row = decode_row(value.value(), id, key.value().1);
                row.map(|(row, _)| row).ok_or(Fail::Damaged("an item"))
            });
            rows.collect()
        })
    }
    fn letters(&self, queue: &str) -> Result<Vec<Letter>, Error> {
        self.read_queue(queue, |txn, id| {
            let table = txn.open_table(DEAD)?;
            let letters = table.range((id, 0)..=(id, u64::MAX))?.map(|found| {
                let (key, value) = found?;
                decode_letter(value.value(), id, key.value().1).ok_or(Fail::Damaged("a letter"))
            });
            let mut letters: Vec<Letter> = letters.collect::<Result<_, _>>()?;
            letters.sort_by_key(|letter| (letter.died, letter.row.seq));
            Ok(letters)
        })
    }
    fn seen(&self, queue: &str, now: u64) -> Result<Vec<Seen>, Error> {
        self.read_queue(queue, |txn, id| {
            let table = txn.open_table(SEEN)?;
            let seen = table.range((id, "")..(id.saturating_add(1), ""))?.map(|found| {
                let (key, value) = found?;
                decode_seen(value.value(), id, key.value().1).ok_or(Fail::Damaged("a key"))
            });
            let mut seen: Vec<Seen> = seen.collect::<Result<_, _>>()?;
            seen.retain(|seen| seen.pending.is_some() || seen.expires > now);
            seen.sort_by_key(|seen| (seen.pending.is_some(), seen.expires, seen.pending));
            Ok(seen)
        })
    }
    fn queues(&self) -> Result<Vec<String>, Error> {
        let used = self.queues.iter().filter(|(_, state)| !state.is_empty());
        let mut names: Vec<String> = used.map(|(name, _)| name.to_string()).collect();
        names.sort_unstable();
        Ok(names)
    }
    fn notes(&self) -> Result<Vec<(String, String)>, Error> {
        self.read(|txn| {
            let table = txn.open_table(NOTES)?;
            let notes = table.iter()?.map(|found| {
                let (name, text) = found?;
                Ok((name.value().to_owned(), text.value().to_owned()))
            });
            notes.collect()
        })
    }
    fn next_seq(&self, queue: &str) -> Result<Seq, Error> {
        Ok(self.queues.get(queue).map_or(1, |state| state.next))
    }
    fn id(&self) -> u128 {
        self.id
    }
    fn bytes(&self) -> u64 {
        self.bytes
    }
}
impl Drop for RedbStore {
    fn drop(&mut self) {
        if let Some(database) = self.database.take() {
            let _ = fault::contain(&self.path, || {
                drop(database);
                Ok(())
            });
        }
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
/// Makes a path's name last in its directory.
#[cfg(unix)]
pub(super) fn sync_dir(path: &Path) -> std::io::Result<()> {
    use std::io::ErrorKind;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match std::fs::File::open(dir)?.sync_all() {
        // there are file systems whose directories cannot be synced
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}
/// The system keeps names by itself.
#[cfg(not(unix))]
pub(super) fn sync_dir(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
