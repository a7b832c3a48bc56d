//! Names in a log's directory, and who may touch what: locks of the system, which end with their owner however it ends.
//! No lock file is ever deleted, so a name is one lock. A process's own instances share what it has locked.

use sluice_core::error::{Error, Kind};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Held by each process that has the directory open: shared, or by one alone.
pub(super) const GATE: &str = "sluice.lock";
/// Held by who looks at files that are not its own: for so long nobody else takes any.
const LOOK: &str = "sluice-look.lock";
const RETRY: Duration = Duration::from_millis(2);

/// The file of a number.
pub(super) fn file_path(root: &Path, number: u32) -> PathBuf {
    root.join(format!("sluice-{number}.redb"))
}
/// Numbers of the files that are there, lowest first.
pub(super) fn numbers(root: &Path) -> Result<Vec<u32>, Error> {
    let failed = |error| unusable(root, error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).map_err(failed)? {
        found.extend(entry.map_err(failed)?.file_name().to_str().and_then(number_of));
    }
    found.sort_unstable();
    Ok(found)
}
fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("sluice-")?.strip_suffix(".redb")?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    // "01" and "+1" are not ours
    (format!("{number}") == digits).then_some(number)
}
/// A free name for a damaged file.
pub(super) fn damaged_path(root: &Path, number: u32) -> Option<PathBuf> {
    (1..100_000).map(|turn| root.join(format!("sluice-{number}.damaged-{turn}"))).find(|path| !path.exists())
}
pub(super) fn unusable(path: &Path, detail: impl std::fmt::Display) -> Error {
    Error::new(Kind::StoreIo).with("path", path.display().to_string()).with("detail", detail.to_string())
}

/// Makes the directory with its parents, and gives its one name.
pub(super) fn make_root(path: &Path) -> Result<PathBuf, Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let is_missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    builder.create(path).map_err(|error| unusable(path, error))?;
    for dir in missing {
        // a power cut must not take the directory with all that is in it; who may not read the parent has to hope
        let _ = super::store::sync_dir(dir);
    }
    path.canonicalize().map_err(|error| unusable(path, error))
}

/// The right to have the directory open.
pub(super) struct Gate(#[expect(dead_code, reason = "unlocks when dropped")] File);

impl Gate {
    /// Enters, or says that somebody is there.
    pub(super) fn enter(root: &Path, is_exclusive: bool) -> Result<Self, Error> {
        let file = open(&root.join(GATE)).map_err(|error| unusable(root, error))?;
        let locked = if is_exclusive { file.try_lock() } else { file.try_lock_shared() };
        match locked {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::Error(error)) => Err(unusable(root, error)),
            Err(TryLockError::WouldBlock) => {
                let detail = if is_exclusive { "others have it open" } else { "another has it for itself" };
                Err(Error::new(Kind::StoreLocked)
                    .with("path", root.display().to_string())
                    .with("detail", detail))
            }
        }
    }
}

/// The right to take files that have no owner.
pub(super) struct Look(#[expect(dead_code, reason = "unlocks when dropped")] File);

impl Look {
    /// Waits for it so long at most.
    pub(super) fn take(root: &Path, wait: Duration) -> Result<Option<Self>, Error> {
        let file = open(&root.join(LOOK)).map_err(|error| unusable(root, error))?;
        let until = Instant::now() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::Error(error)) => return Err(unusable(root, error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= until => return Ok(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(RETRY),
            }
        }
    }
}

/// A number that is ours until dropped.
pub(super) struct Place {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    _lock: File,
}
impl Place {
    /// The number, unless another owner has it.
    pub(super) fn take(root: &Path, number: u32) -> io::Result<Option<Self>> {
        let lock = open(&root.join(format!("sluice-{number}.lock")))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { number, path: file_path(root, number), _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // what a lock file holds is nothing; it is closed in programs that this one starts
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Which file that is: another one by the same name is another.
#[cfg(unix)]
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|found| (found.dev(), found.ino()))
}
#[cfg(not(unix))]
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|_| (0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_are_numbers() {
        for (name, number) in [
            ("sluice-1.redb", Some(1)),
            ("sluice-4294967295.redb", Some(u32::MAX)),
            ("sluice-4294967296.redb", None),
            ("sluice-0.redb", None),
            ("sluice-01.redb", None),
            ("sluice-+1.redb", None),
            ("sluice-1.redb.new", None),
            ("sluice-1.lock", None),
            ("sluice-1.damaged-1", None),
            ("other.redb", None),
        ] {
            assert_eq!(number_of(name), number, "{name}");
        }
    }
}
