//! Where a store lies, and how processes come and go: one at a time through a gate, each with a locked place, so
//! that who is alone knows it and nobody is taken for alive who was killed.

use super::check;
use super::page::{PLACES, PlaceWord, SharedPage};
use sluice_core::error::{Error, Kind};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Carries the version of everything below it.
const STORE: &str = "sluice-1";
const GATE: &str = "sluice-1.lock";
pub(super) const DATA: &str = "data.mdb";
const PAGE: &str = "shared";
const CLEAN: &str = "clean";
/// Another process may be walking a large store.
const GATE_WAIT: Duration = Duration::from_secs(60);
const GATE_WAIT_CLOSING: Duration = Duration::from_secs(2);

/// A process's place in a store.
pub(super) struct Place {
    /// The user's directory.
    root: PathBuf,
    /// Where LMDB's files are.
    pub(super) dir: PathBuf,
    pub(super) page: Arc<SharedPage>,
    /// Which place, and its how manyth user we are.
    pub(super) index: usize,
    pub(super) turn: u64,
    /// Locked while we live.
    _lock: File,
    /// Which file the data is: another one by the same name is another store.
    identity: Option<(u64, u64)>,
}
/// The gate, ours until dropped.
pub(super) struct Gate(#[expect(dead_code, reason = "unlocks when dropped")] File);

pub(super) fn io_error(path: &Path, detail: impl std::fmt::Display) -> Error {
    Error::new(Kind::StoreIo).with("path", path.display().to_string()).with("detail", detail.to_string())
}
fn options(create: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
fn make_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
/// Makes the user's directory and gives its one name.
pub(super) fn root(path: &Path) -> Result<PathBuf, Error> {
    make_dir(path).and_then(|()| path.canonicalize()).map_err(|error| io_error(path, error))
}

fn gate(root: &Path, create: bool, wait: Duration) -> Result<Gate, Error> {
    let file =
        options(create).truncate(false).open(root.join(GATE)).map_err(|error| io_error(root, error))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Gate(file)),
            Err(TryLockError::Error(error)) => return Err(io_error(root, error)),
            Err(TryLockError::WouldBlock) if began.elapsed() > wait => {
                return Err(locked(root, "another process has been opening it for too long"));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}
fn locked(root: &Path, detail: &str) -> Error {
    Error::new(Kind::StoreLocked).with("path", root.display().to_string()).with("detail", detail)
}

/// A place taken, and what was found on the way.
pub(super) struct Entered {
    pub(super) place: Place,
    /// Held until LMDB is open.
    pub(super) gate: Gate,
    /// Nobody else has the store open.
    pub(super) alone: bool,
    /// A damaged store was set aside: where, and why.
    pub(super) aside: Option<Error>,
}

/// Takes a place in the store at a directory. `create` is false when a tier comes back: then nothing is made.
pub(super) fn enter(root: &Path, create: bool) -> Result<Entered, Error> {
    refuse_network(root)?;
    let gate = gate(root, create, GATE_WAIT)?;
    let mut aside = None;
    loop {
        // what has been set aside is made anew
        let (place, alone) = take_place(root, create || aside.is_some())?;
        let data = place.dir.join(DATA);
        let is_clean = read_clean(&place.dir).is_some_and(|mark| Some(mark) == clean_mark(&data));
        let is_trusted = !alone || is_clean || !data.exists();
        if let Some(why) = (!is_trusted).then(|| check::walk(&data)).and_then(Result::err) {
            if aside.is_some() {
                return Err(io_error(root, why));
            }
            let dir = place.dir.clone();
            drop(place);
            aside = Some(set_aside(root, &dir, &why)?);
            continue;
        }
        if alone {
            // nothing says that it is clean while somebody has it open
            let _ = std::fs::remove_file(place.dir.join(CLEAN));
        }
        return Ok(Entered { place, gate, alone, aside });
    }
}
/// Sets a store aside that its checker or LMDB refuses; only while it is ours alone.
pub(super) fn set_aside(root: &Path, dir: &Path, why: &str) -> Result<Error, Error> {
    let target =
        (1..10_000).map(|number| root.join(format!("{STORE}.damaged-{number}"))).find(|path| !path.exists());
    let target = target.ok_or_else(|| io_error(root, "too many damaged stores are kept beside it"))?;
    std::fs::rename(dir, &target).map_err(|error| io_error(root, error))?;
    Ok(Error::new(Kind::StoreCorrupt).with("path", target.display().to_string()).with("detail", why))
}

fn take_place(root: &Path, create: bool) -> Result<(Place, bool), Error> {
    let dir = root.join(STORE);
    let failed = |error: std::io::Error| io_error(root, error);
    if create {
        make_dir(&dir).map_err(failed)?;
    } else if !dir.join(DATA).exists() {
        return Err(io_error(root, "it is gone"));
    }
    let mut ours = None;
    let mut alive = Vec::new();
    for index in 0..PLACES {
        let path = dir.join(format!("place-{index}.lock"));
        let exists = path.exists();
        if !exists && ours.is_some() {
            break;
        }
        let file = options(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) if ours.is_none() => ours = Some((index, file)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => alive.push(index),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    let (index, lock) = ours.ok_or_else(|| locked(root, "too many processes have it open"))?;
    let alone = alive.is_empty();
    let file = options(create || alone).truncate(false).open(dir.join(PAGE)).map_err(failed)?;
    let page = Arc::new(SharedPage::map(&file, alone).map_err(failed)?);
    let pid = u64::from(std::process::id());
    if alive.iter().any(|other| page.place(*other, PlaceWord::Pid).load(Ordering::Acquire) == pid) {
        return Err(locked(root, "a second copy of the package in this process"));
    }
    let turn = page.place(index, PlaceWord::Turn).fetch_add(1, Ordering::AcqRel) + 1;
    page.place(index, PlaceWord::Heard).store(0, Ordering::Release);
    page.place(index, PlaceWord::Pid).store(pid, Ordering::Release);
    Ok((Place { root: root.into(), dir, page, index, turn, _lock: lock, identity: None }, alone))
}

impl Place {
    /// Remembers which file the data is, once LMDB has made it.
    pub(super) fn identify(&mut self) {
        self.identity = identity(&self.dir.join(DATA));
    }
    /// Whether the data is still the file that was opened.
    pub(super) fn is_there(&self) -> bool {
        identity(&self.dir.join(DATA)).is_some_and(|found| Some(found) == self.identity)
    }
    /// Whether the process that had that place then has gone without a word.
    pub(super) fn is_dead(&self, (index, turn): (u64, u64)) -> bool {
        let index = usize::try_from(index).unwrap_or(PLACES);
        if index == self.index {
            return turn != self.turn;
        }
        if self.page.place(index, PlaceWord::Turn).load(Ordering::Acquire) != turn {
            return true;
        }
        // trying a lock looks like holding it: only behind the gate, and when the gate is busy it counts as alive
        let Ok(_gate) = gate(&self.root, false, Duration::ZERO) else { return false };
        let file = options(false).open(self.dir.join(format!("place-{index}.lock")));
        file.is_ok_and(|file| file.try_lock().is_ok())
    }
    /// Leaves after LMDB has been closed; the last one says that the store is whole.
    pub(super) fn leave(self, is_whole: bool) {
        let Ok(_gate) = gate(&self.root, false, GATE_WAIT_CLOSING) else { return };
        if !self.is_there() {
            return;
        }
        self.page.place(self.index, PlaceWord::Heard).store(0, Ordering::Release);
        self.page.place(self.index, PlaceWord::Pid).store(0, Ordering::Release);
        let is_free = |index: usize| {
            let path = self.dir.join(format!("place-{index}.lock"));
            index == self.index || options(false).open(path).is_ok_and(|file| file.try_lock().is_ok())
        };
        let used = (0..PLACES).take_while(|index| self.dir.join(format!("place-{index}.lock")).exists());
        let is_last = is_whole && used.into_iter().all(is_free);
        if let Some(mark) = is_last.then(|| clean_mark(&self.dir.join(DATA))).flatten() {
            let _ = options(true)
                .truncate(true)
                .open(self.dir.join(CLEAN))
                .and_then(|file| std::io::Write::write_all(&mut &file, mark.as_bytes()));
        }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|found| (found.dev(), found.ino()))
}
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|_| (0, 0))
}
fn read_clean(dir: &Path) -> Option<String> {
    std::fs::read_to_string(dir.join(CLEAN)).ok()
}
/// What the data file looked like: its length, when it was last written, and what its first pages hold.
fn clean_mark(data: &Path) -> Option<String> {
    use std::io::Read;
    let file = File::open(data).ok()?;
    let found = file.metadata().ok()?;
    let written = found.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let mut head = Vec::new();
    file.take(2 * 65_536).read_to_end(&mut head).ok()?;
    Some(format!("{} {} {:016x}", found.len(), written.as_nanos(), sluice_core::cache::key_hash(&head)))
}

/// LMDB needs one kernel to see its locks and its map: file systems of a network have many.
#[cfg(target_os = "linux")]
fn refuse_network(path: &Path) -> Result<(), Error> {
    // NFS, SMB, CIFS, SMB2, Coda, AFS, Ceph, 9P, GFS2, OCFS2, Lustre and FUSE, under which sshfs and others hide
    const REFUSED: [u32; 12] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x7375_7245,
        0x5346_414f,
        0x00c3_6400,
        0x0102_1997,
        0x0116_1970,
        0x7461_636f,
        0x0bd0_0bd0,
        0x6573_5546,
    ];
    let found = rustix::fs::statfs(path).map_err(|error| io_error(path, std::io::Error::from(error)))?;
    // the field's type differs between platforms; the numbers have 32 bits
    let magic = found.f_type as u64 as u32;
    if REFUSED.contains(&magic) {
        return Err(io_error(path, format_args!("its file system ({magic:#x}) is a network's")));
    }
    Ok(())
}
#[cfg(not(target_os = "linux"))]
fn refuse_network(_path: &Path) -> Result<(), Error> {
    Ok(())
}
