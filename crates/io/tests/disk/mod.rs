//! What the tests of the disk tier share: directories, records, listeners, and child processes.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests; each uses a part"
)]

use bytes::Bytes;
use sluice_core::cache::{Record, Tag};
use sluice_core::error::Error;
use sluice_io::disk::{Answer, Config, Disk, Done, Lease, Listener, Removed};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A directory of its own that goes with the test.
pub struct Folder(pub PathBuf);
impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sluice-disk-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    pub fn config(&self) -> Config {
        config(&self.0)
    }
    pub fn data(&self) -> PathBuf {
        self.0.join("sluice-1/data.mdb")
    }
}
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
pub fn config(path: &Path) -> Config {
    Config { path: path.into(), max_bytes: 64 << 20, compress_min_bytes: 0, follows: false }
}

/// Remembers what it was told.
#[derive(Default)]
pub struct Ear {
    pub hashes: Mutex<Vec<u64>>,
    pub all: AtomicU64,
    pub removed: Mutex<Vec<String>>,
    pub states: Mutex<Vec<(bool, Option<Error>)>>,
}
impl Listener for Ear {
    fn changed(&self, hashes: Option<&[u64]>) {
        match hashes {
            Some(hashes) => self.hashes.lock().unwrap().extend(hashes),
            None => drop(self.all.fetch_add(1, Ordering::SeqCst)),
        }
    }
    fn removed(&self, what: Removed<'_>) {
        let what = match what {
            Removed::Pattern(glob) => format!("pattern {}", String::from_utf8_lossy(glob)),
            Removed::Tag(tag) => format!("tag {tag}"),
        };
        self.removed.lock().unwrap().push(what);
    }
    fn state(&self, up: bool, why: Option<Error>) {
        self.states.lock().unwrap().push((up, why));
    }
}
impl Ear {
    pub fn take_hashes(&self) -> Vec<u64> {
        std::mem::take(&mut *self.hashes.lock().unwrap())
    }
    pub fn kinds(&self) -> Vec<(bool, Option<&'static str>)> {
        self.states
            .lock()
            .unwrap()
            .iter()
            .map(|(up, why)| (*up, why.as_ref().map(|why| why.kind.row().kind)))
            .collect()
    }
}

pub fn open(config: &Config) -> (Arc<Disk>, Arc<Ear>) {
    let ear = Arc::new(Ear::default());
    (Disk::open(config, ear.clone()).unwrap(), ear)
}
pub fn text(value: &str) -> Record {
    Record::new(Tag::Text, value.to_owned(), 1_000_000)
}
pub fn read(disk: &Disk, key: &str) -> Option<String> {
    match disk.get(key.as_bytes(), 1000) {
        Answer::Found { record, .. } => Some(String::from_utf8(record.bytes.to_vec()).unwrap()),
        Answer::Absent => None,
        Answer::Damaged => Some("damaged".into()),
    }
}
pub fn done() -> (Done, Receiver<Result<u64, Error>>) {
    let (sender, receiver) = channel();
    (Box::new(move |result| drop(sender.send(result))), receiver)
}
pub const PATIENCE: Duration = Duration::from_secs(60);
pub fn settled(receiver: &Receiver<Result<u64, Error>>) -> u64 {
    receiver.recv_timeout(PATIENCE).expect("told").expect("done")
}
pub fn flush(disk: &Disk) {
    let (done, told) = done();
    disk.flush(done);
    settled(&told);
}
pub fn remove(disk: &Disk, keys: &[&str]) -> u64 {
    let (done, told) = done();
    let keys: Vec<Bytes> = keys.iter().map(|key| Bytes::copy_from_slice(key.as_bytes())).collect();
    disk.remove(&keys, done);
    settled(&told)
}
pub fn lease(disk: &Disk, key: &str, owner: u64, now: u64) -> Lease {
    let (sender, told) = channel();
    disk.lease(key.as_bytes(), owner, now, 10_000, Box::new(move |result| drop(sender.send(result))));
    told.recv_timeout(PATIENCE).expect("told").expect("done")
}
/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    began.elapsed()
}

/// Runs a role of this test binary in another process; killed with the value.
pub struct Process(pub Child);
impl Process {
    pub fn start(role: &str, folder: &Path) -> Self {
        Self::with(role, folder, |_| {})
    }
    pub fn with(role: &str, folder: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
        command.env("SLUICE_ROLE", role).env("SLUICE_FOLDER", folder);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        change(&mut command);
        Self(command.spawn().unwrap())
    }
    /// Waits for its end; its own lines.
    pub fn finish(mut self) -> (bool, Vec<String>) {
        use std::io::Read;
        let mut out = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let ended = self.0.wait().unwrap();
        let lines = out.lines().filter_map(|line| Some(line[line.find("::")? + 2..].to_owned()));
        (ended.success(), lines.collect())
    }
    /// Waits for a line of its own.
    pub fn line(&mut self) -> String {
        use std::io::Read;
        loop {
            let out = self.0.stdout.as_mut().unwrap();
            let mut line = Vec::new();
            let mut byte = [0];
            while out.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
                line.push(byte[0]);
            }
            let line = String::from_utf8(line).unwrap();
            if let Some(at) = line.find("::") {
                return line[at + 2..].to_owned();
            }
            assert!(self.0.try_wait().unwrap().is_none(), "it ended");
        }
    }
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
/// The role this process was started for.
pub fn role() -> Option<(String, PathBuf)> {
    Some((std::env::var("SLUICE_ROLE").ok()?, std::env::var("SLUICE_FOLDER").ok()?.into()))
}
/// Tells the parent.
pub fn say(line: impl std::fmt::Display) {
    use std::io::Write;
    println!("::{line}");
    std::io::stdout().flush().unwrap();
}
