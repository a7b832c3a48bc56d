//! A store that waits for orders, and a desk that notes what it is told.

use bytes::Bytes;
use sluice_core::error::{Error, Kind};
use sluice_io::log::{Change, Committer, DurableStore, Letter, Refused, Row, Seen, Seq};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const SOON: Duration = Duration::from_secs(60);

/// What a commit of the fake store is told to do.
pub enum Order {
    Go,
    /// Refuse the accepts of these numbers.
    Refuse(Vec<Seq>),
    Fail,
    Panic,
}
/// Says what it is to commit, and waits for an order.
pub struct Fake {
    pub asked: Sender<Vec<Seq>>,
    pub orders: Receiver<Order>,
    pub dropped: Sender<&'static str>,
}
pub struct Hand {
    pub asked: Receiver<Vec<Seq>>,
    pub orders: Sender<Order>,
    pub dropped: Receiver<&'static str>,
}
pub fn fake() -> (Fake, Hand) {
    let ((asked, is_asked), (order, orders), (dropped, is_dropped)) = (channel(), channel(), channel());
    (Fake { asked, orders, dropped }, Hand { asked: is_asked, orders: order, dropped: is_dropped })
}
impl Hand {
    pub fn asked(&self) -> Vec<Seq> {
        self.asked.recv_timeout(SOON).unwrap()
    }
    pub fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }
}
impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.dropped.send("dropped");
    }
}
pub fn error() -> Error {
    Error::new(Kind::StoreIo).with("path", "fake").with("detail", "no space left on device")
}
impl DurableStore for Fake {
    fn commit(&mut self, changes: &[Change], now: u64) -> Result<Vec<Refused>, Error> {
        let number = |change: &Change| match change {
            Change::Accept { row, .. } => row.seq,
            _ => 0,
        };
        self.asked.send(changes.iter().map(number).chain([now]).collect()).unwrap();
        let refuse = |seqs: Vec<Seq>| {
            let all = changes.iter().enumerate().filter(|(_, change)| seqs.contains(&number(change)));
            all.map(|(index, change)| Refused {
                index,
                queue: "q".into(),
                seq: number(change),
                why: Error::new(Kind::BufferFull),
            })
            .collect()
        };
        match self.orders.recv_timeout(SOON).unwrap() {
            Order::Go => Ok(vec![]),
            Order::Refuse(seqs) => Ok(refuse(seqs)),
            Order::Fail => Err(error()),
            Order::Panic => std::panic::resume_unwind(Box::new("on purpose")),
        }
    }
    fn pending(&self, _: &str) -> Result<Vec<Row>, Error> {
        Ok(vec![])
    }
    fn letters(&self, _: &str) -> Result<Vec<Letter>, Error> {
        Ok(vec![])
    }
    fn seen(&self, _: &str, _: u64) -> Result<Vec<Seen>, Error> {
        Ok(vec![])
    }
    fn queues(&self) -> Result<Vec<String>, Error> {
        Ok(vec![])
    }
    fn notes(&self) -> Result<Vec<(String, String)>, Error> {
        Ok(vec![])
    }
    fn next_seq(&self, _: &str) -> Result<Seq, Error> {
        Ok(1)
    }
    fn id(&self) -> u128 {
        7
    }
    fn bytes(&self) -> u64 {
        0
    }
}

pub fn accepts(seqs: impl IntoIterator<Item = Seq>) -> Vec<Change> {
    let row =
        |seq| Row { seq, at: 0, attempts: 0, key: None, tag: 0, payload: Bytes::from_static(b"some bytes") };
    seqs.into_iter().map(|seq| Change::Accept { queue: "q".into(), row: row(seq), claim: false }).collect()
}
/// What each submission was told, in the order of telling.
pub type Word = (u32, Result<Vec<(usize, Seq)>, Kind>);
pub type Told = Arc<Mutex<Vec<Word>>>;
pub struct Desk<S: DurableStore + 'static> {
    pub committer: Committer<S>,
    pub told: Told,
}
impl<S: DurableStore + 'static> Desk<S> {
    pub fn new(store: S) -> Self {
        Self { committer: Committer::new(store, "fake".into()), told: Told::default() }
    }
    pub fn submit(&self, name: u32, seqs: impl IntoIterator<Item = Seq>, now: u64) {
        let told = self.told.clone();
        let done = move |done: Result<Vec<Refused>, Error>| {
            let done = done.map(|refused| refused.iter().map(|one| (one.index, one.seq)).collect());
            told.lock().unwrap().push((name, done.map_err(|error| error.kind)));
        };
        self.committer.submit(accepts(seqs), now, Box::new(done));
    }
    /// Waits for all that was submitted before.
    pub fn rest(&self) {
        let (sender, receiver) = channel();
        self.committer.run(Box::new(move |_| sender.send(()).unwrap()));
        receiver.recv_timeout(SOON).unwrap();
    }
    pub fn told(&self) -> Vec<Word> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}
