//! A link under test, and what its listener was told.

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use sluice_core::cache::{Millis, Record, Tag};
use sluice_core::error::Error;
use sluice_io::redis::{Answer, Change, Config, Link, Listener, State, Write};
use sluice_io::runtime::Runtime;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Changed(Option<Vec<String>>),
    Published(String, String),
    Tracking(bool, Option<String>),
    State(State, Option<String>),
    Channel(bool),
}
#[derive(Default)]
pub struct Witness {
    pub seen: Mutex<Vec<(Instant, Event)>>,
}
impl Witness {
    pub fn events(&self) -> Vec<Event> {
        self.seen.lock().iter().map(|(_, event)| event.clone()).collect()
    }
    pub fn clear(&self) {
        self.seen.lock().clear();
    }
    pub fn count(&self, wanted: &Event) -> usize {
        self.seen.lock().iter().filter(|(_, event)| event == wanted).count()
    }
    /// When it was first told something like this; waits for it.
    pub async fn heard(&self, what: &str, within: Duration, like: impl Fn(&Event) -> bool) -> Instant {
        let began = Instant::now();
        loop {
            let seen = self.seen.lock().clone();
            if let Some((at, _)) = seen.iter().find(|(_, event)| like(event)) {
                return *at;
            }
            assert!(began.elapsed() < within, "{what}: not within {within:?}; only {:?}", self.events());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    pub async fn changed(&self, key: &str, within: Duration) -> Instant {
        self.heard(
            key,
            within,
            |event| matches!(event, Event::Changed(Some(keys)) if keys.iter().any(|k| k == key)),
        )
        .await
    }
    pub async fn state(&self, state: State, within: Duration) -> Instant {
        self.heard("a state", within, |event| matches!(event, Event::State(told, _) if *told == state)).await
    }
    pub async fn tracking(&self, up: bool, within: Duration) -> Instant {
        self.heard("tracking", within, |event| matches!(event, Event::Tracking(told, _) if *told == up)).await
    }
    fn tell(&self, event: Event) {
        self.seen.lock().push((Instant::now(), event));
    }
}
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
impl Listener for Witness {
    fn changed(&self, keys: Option<&[&[u8]]>) {
        self.tell(Event::Changed(keys.map(|keys| keys.iter().map(|key| text(key)).collect())));
    }
    fn published(&self, origin: &[u8], change: Change<'_>) {
        let change = match change {
            Change::Keys(keys) => keys.into_iter().map(text).collect::<Vec<_>>().join(","),
            Change::Pattern(glob) => format!("pattern {}", text(glob)),
            Change::Tag(tag) => format!("tag {tag}"),
            Change::Prefix(prefix) => format!("prefix {}", text(prefix)),
        };
        self.tell(Event::Published(text(origin), change));
    }
    fn tracking(&self, up: bool, why: Option<Error>) {
        self.tell(Event::Tracking(up, why.map(|why| why.message())));
    }
    fn state(&self, state: State, why: Option<Error>) {
        self.tell(Event::State(state, why.map(|why| why.message())));
    }
    fn channel(&self, heard: bool) {
        self.tell(Event::Channel(heard));
    }
}

/// The options that the shell sends by default.
pub fn impatient(urls: &[String]) -> Config {
    Config { command_timeout_ms: 250, ..config(urls) }
}
/// Options for tests that are not about time, on a busy machine.
pub fn config(urls: &[String]) -> Config {
    Config {
        urls: urls.to_vec(),
        sentinel: None,
        username: None,
        password: None,
        db: None,
        tls: None,
        key_prefix: "t:".to_owned(),
        connect_timeout_ms: 5000,
        command_timeout_ms: 5000,
        breaker_failures: 5,
        probe_ms: 1000,
        plain: false,
        tracking: false,
        publishes: false,
        compress_min_bytes: 0,
    }
}
/// A link that has made its first try.
pub async fn open(config: Config) -> (Arc<Link>, Arc<Witness>) {
    let witness = Arc::new(Witness::default());
    let link = Link::new(config, witness.clone());
    link.connect().await;
    (link, witness)
}
/// Tests share one I/O thread: those about time have it to themselves.
static THREAD: RwLock<()> = RwLock::new(());
/// Runs a test where links are driven.
pub fn run<F: Future<Output = ()> + Send + 'static>(test: F) {
    let _shared = THREAD.read();
    drive(test);
}
/// Runs a test that measures time.
pub fn run_alone<F: Future<Output = ()> + Send + 'static>(test: F) {
    let _alone = THREAD.write();
    drive(test);
}
fn drive<F: Future<Output = ()> + Send + 'static>(test: F) {
    let runtime = Runtime::get().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let task = runtime.spawn(test);
    runtime.spawn(async move {
        let _ = sender.send(task.await);
    });
    match receiver.recv_timeout(Duration::from_secs(120)).expect("the test hangs") {
        Ok(()) => {}
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
/// Blocking work of a test, off the I/O thread.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as Millis
}
pub fn key(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
pub fn keys(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| key(text)).collect()
}
pub fn write(name: &str, record: Record) -> Write {
    Write { key: key(name), record, only_absent: false, fence: None, publish: None }
}
pub fn json(text: &str, deadline: Millis) -> Record {
    Record::new(Tag::Json, Bytes::copy_from_slice(text.as_bytes()), deadline)
}
/// Writes one, which has to succeed.
pub async fn put(link: &Link, name: &str, text: &str) {
    let results = link.set_many(vec![write(name, json(text, now() + 60_000))], now()).await;
    assert_eq!(results, vec![Ok(true)]);
}
/// What a read says; a call that failed is `Unreachable`.
pub async fn get(link: &Link, name: &str) -> Answer {
    link.get_many(&keys(&[name]), now()).await.map_or(Answer::Unreachable, |mut answers| answers.remove(0))
}
/// The text of a value that is there.
pub async fn text_of(link: &Link, name: &str) -> Option<String> {
    match get(link, name).await {
        Answer::Found { record, .. } => Some(text(&record.bytes)),
        Answer::Absent => None,
        other => panic!("{other:?}"),
    }
}
