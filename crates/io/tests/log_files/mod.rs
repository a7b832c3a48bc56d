//! What the tests of the log's directory share: folders, holds with what they were told, child processes.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests; each uses a part"
)]

use bytes::Bytes;
use sluice_core::error::Error;
use sluice_io::log::{Change, Event, Options, Queue, Recovered, Row, Seq};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const NOW: u64 = 1_700_000_000_000;
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A directory of its own that goes with the test.
pub struct Folder(pub PathBuf);
impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sluice-log-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }
    pub fn options(&self) -> Options {
        options(&self.0)
    }
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    /// Names of files that match the ends, sorted.
    pub fn names(&self, start: &str, end: &str) -> Vec<String> {
        names(&self.0).into_iter().filter(|name| name.starts_with(start) && name.ends_with(end)).collect()
    }
}
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
pub fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
pub fn options(path: &Path) -> Options {
    Options { path: path.into(), max_bytes: 64 << 20, exclusive: false, sync: false, import: None }
}

/// A hold, and what it was told.
pub struct Held {
    pub queue: Arc<Queue>,
    pub opened: Mutex<Receiver<Result<Recovered, Error>>>,
    pub events: Mutex<Receiver<Event>>,
}
pub fn try_open(options: &Options, name: &str) -> Result<Held, Error> {
    let (told, opened) = channel();
    let (event, events) = channel();
    let event = Mutex::new(event);
    let queue = Queue::open(
        options.clone(),
        name,
        NOW,
        Box::new(move |result| told.send(result).unwrap()),
        Arc::new(move |what| drop(event.lock().unwrap().send(what))),
    )?;
    Ok(Held { queue, opened: Mutex::new(opened), events: Mutex::new(events) })
}
/// Opens and waits; what was recovered.
pub fn open(options: &Options, name: &str) -> (Held, Recovered) {
    let held = try_open(options, name).unwrap();
    let recovered = held.wait().unwrap();
    (held, recovered)
}
impl Held {
    pub fn wait(&self) -> Result<Recovered, Error> {
        self.opened.lock().unwrap().recv_timeout(PATIENCE).expect("told")
    }
    pub fn event(&self) -> Event {
        self.events.lock().unwrap().recv_timeout(PATIENCE).expect("an event")
    }
    pub fn no_event(&self) {
        if let Ok(event) = self.events.lock().unwrap().try_recv() {
            panic!("{event:?}");
        }
    }
    pub fn degraded(&self) -> Error {
        match self.event() {
            Event::Degraded(error) => error,
            other => panic!("{other:?}"),
        }
    }
    pub fn adopted(&self) -> Recovered {
        match self.event() {
            Event::Adopted(recovered) => recovered,
            other => panic!("{other:?}"),
        }
    }
    pub fn submit(&self, changes: Vec<Change>) -> Result<Vec<(Seq, Error)>, Error> {
        let (told, done) = channel();
        self.queue.submit(changes, NOW, Box::new(move |result| told.send(result).unwrap()));
        done.recv_timeout(PATIENCE).expect("told")
    }
    pub fn resubmit(&self, changes: Vec<Change>) -> Result<Vec<(Seq, Error)>, Error> {
        let (told, done) = channel();
        self.queue.resubmit(changes, NOW, Box::new(move |result| told.send(result).unwrap()));
        done.recv_timeout(PATIENCE).expect("told")
    }
    /// Accepts items, stored.
    pub fn accept(&self, items: &[&str]) -> Vec<Seq> {
        let first = self.queue.lease(items.len() as u32);
        let changes = items.iter().zip(first..).map(|(item, seq)| accept(row(seq, item))).collect();
        assert_eq!(self.submit(changes).unwrap(), []);
        (first..first + items.len() as u64).collect()
    }
    pub fn complete(&self, seq: Seq) {
        self.submit(vec![Change::Complete { queue: "".into(), seq, seen: None }]).unwrap();
    }
    pub fn close(&self) {
        let (told, done) = channel();
        self.queue.close(Box::new(move || told.send(()).unwrap()));
        done.recv_timeout(PATIENCE).expect("closed");
    }
}
pub fn row(seq: Seq, item: &str) -> Row {
    Row { seq, at: NOW, attempts: 0, key: None, tag: 0, payload: Bytes::copy_from_slice(item.as_bytes()) }
}
pub fn accept(row: Row) -> Change {
    Change::Accept { queue: "".into(), row, claim: false }
}
pub fn items(recovered: &Recovered) -> Vec<String> {
    recovered.rows.iter().map(|row| String::from_utf8(row.payload.to_vec()).unwrap()).collect()
}
/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
/// Threads of the log in this process.
pub fn threads() -> usize {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0 };
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).filter(|name| name.starts_with("sluice-log")).count()
}

/// Runs a role of this test binary in another process; killed with the value.
pub struct Process(pub Child);
impl Process {
    pub fn start(role: &str, folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
        command.env("SLUICE_ROLE", role).env("SLUICE_FOLDER", folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        Self(command.spawn().unwrap())
    }
    /// Waits for a line of its own; None: it has ended.
    pub fn line(&mut self) -> Option<String> {
        use std::io::Read;
        let out = self.0.stdout.as_mut().unwrap();
        let mut line = Vec::new();
        let mut byte = [0];
        while out.read(&mut byte).unwrap() == 1 {
            if byte[0] != b'\n' {
                line.push(byte[0]);
                continue;
            }
            let text = String::from_utf8(std::mem::take(&mut line)).unwrap();
            if let Some(at) = text.find("::") {
                return Some(text[at + 2..].to_owned());
            }
        }
        None
    }
    /// Lets it go on.
    pub fn tell(&mut self, line: &str) {
        use std::io::Write;
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
    /// Kills it; what it had said and nobody had read.
    pub fn kill(mut self) -> Vec<String> {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        self.rest()
    }
    /// Waits for its end; whether it ended well, and what it said.
    pub fn finish(mut self) -> (bool, Vec<String>) {
        let lines = self.rest();
        (self.0.wait().unwrap().success(), lines)
    }
    fn rest(&mut self) -> Vec<String> {
        use std::io::Read;
        let mut out = Vec::new();
        self.0.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        let text = String::from_utf8_lossy(&out);
        // a line without its end was not said
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().filter_map(|line| Some(line[line.find("::")? + 2..].to_owned())).collect()
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
/// Tells the parent; one write, so that a kill leaves a whole line or none.
pub fn say(line: impl std::fmt::Display) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(format!("::{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
/// Waits for the parent.
pub fn hear() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim().to_owned()
}
