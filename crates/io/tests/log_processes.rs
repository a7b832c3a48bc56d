//! Several processes over one directory: kills, adoption, crashes between two commits, one owner for itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers count as no tests

mod log_files;
use log_files::*;
use sluice_core::error::{Error, Kind};
use sluice_io::log::{
    Change, DurableStore, Event, Options, Queue, RedbStore, Seq, at_checkpoints, look_every,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// More rounds by `SLUICE_ROUNDS`.
fn rounds() -> usize {
    std::env::var("SLUICE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(25)
}

/// What other processes do in these tests; nothing when it runs as a test itself.
#[test]
fn child() {
    let Some((role, folder)) = role() else { return };
    let (role, detail) = role.split_once(' ').unwrap_or((&role, ""));
    match role {
        "work" => {
            look_every(Duration::from_millis(15));
            work(&Options { sync: detail.ends_with("sync"), ..options(&folder) }, detail);
        }
        // dies between the two commits of the `detail`th move
        "dies" => {
            static PASSED: AtomicUsize = AtomicUsize::new(0);
            static LAST: AtomicUsize = AtomicUsize::new(0);
            LAST.store(detail.parse().unwrap(), Ordering::SeqCst);
            at_checkpoints(|_| {
                if PASSED.fetch_add(1, Ordering::SeqCst) == LAST.load(Ordering::SeqCst) {
                    std::process::abort();
                }
            });
            let import = Some(folder.join("queue.json"));
            let (held, _) = open(&Options { import, ..options(&folder) }, "mail");
            held.close();
            say("alive");
        }
        // what it finds, once it is told to look
        "finds" => {
            say("ready");
            hear();
            let import = Some(folder.join("queue.json"));
            let (held, recovered) = open(&Options { import, ..options(&folder) }, "mail");
            items(&recovered).iter().for_each(|item| say(format!("R {item}")));
            say("open");
            hear();
            held.close();
        }
        "holds" => {
            let (_held, _) = open(&Options { exclusive: detail == "alone", ..options(&folder) }, "mail");
            say("open");
            hear();
        }
        "looks" => {
            let mut options = std::fs::File::options();
            let file = options.create(true).write(true).truncate(false).open(folder.join("sluice-look.lock"));
            let file = file.unwrap();
            file.lock().unwrap();
            say("locked");
            hear();
        }
        other => panic!("{other}"),
    }
}

/// Accepts and settles as fast as it can, and says so, until it is told to stop.
fn work(options: &Options, name: &str) {
    let stop = Arc::new(AtomicBool::new(false));
    let found: Arc<Mutex<Vec<(Seq, String)>>> = Arc::default();
    let tell = |recovered: &sluice_io::log::Recovered, found: &Mutex<Vec<(Seq, String)>>| {
        let items = items(recovered);
        items.iter().for_each(|item| say(format!("R {item}")));
        found.lock().unwrap().extend(recovered.rows.iter().map(|row| row.seq).zip(items));
    };
    let (told, opened) = std::sync::mpsc::channel();
    let queue = Queue::open(
        options.clone(),
        "mail",
        NOW,
        Box::new(move |result| told.send(result).unwrap()),
        Arc::new({
            let found = found.clone();
            move |event| match event {
                Event::Adopted(recovered) => tell(&recovered, &found),
                other => say(format!("event {other:?}")),
            }
        }),
    )
    .unwrap();
    tell(&opened.recv().unwrap().unwrap(), &found);
    say("ready");
    let stopper = std::thread::spawn({
        let stop = stop.clone();
        move || {
            hear();
            stop.store(true, Ordering::SeqCst);
        }
    });
    let (sent, answers) = std::sync::mpsc::channel();
    let mut open = 0;
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let item = format!("{name}:{number}");
        let seq = queue.lease(1);
        // each third item is settled at once, and so are most that others left
        let mut changes = vec![accept(row(seq, &item))];
        let mut settled = Vec::new();
        if number % 3 == 0 {
            changes.push(Change::Complete { queue: "".into(), seq, seen: None });
        }
        let old = {
            let mut found = found.lock().unwrap();
            let from = found.len().saturating_sub(if number % 2 == 0 { 20 } else { 0 });
            found.split_off(from)
        };
        for (seq, old) in old {
            say(format!("c {old}"));
            changes.push(Change::Complete { queue: "".into(), seq, seen: None });
            settled.push(old);
        }
        say(format!("a {item}"));
        let sent = sent.clone();
        let done = move |result: Result<Vec<(Seq, Error)>, Error>| {
            assert_eq!(result.unwrap(), []);
            // acknowledged, from the commit's own thread
            settled.iter().for_each(|old| say(format!("C {old}")));
            say(format!("{} {item}", if number % 3 == 0 { "S" } else { "A" }));
            sent.send(()).unwrap();
        };
        queue.submit(changes, NOW, Box::new(done));
        open += 1;
        // a few at a time, so that there is something to group
        while open > 4 {
            answers.recv().unwrap();
            open -= 1;
        }
    }
    stopper.join().unwrap();
    let (told, closed) = std::sync::mpsc::channel();
    queue.close(Box::new(move || told.send(()).unwrap()));
    closed.recv_timeout(PATIENCE).unwrap();
    say("closed");
}

/// What must be there, and what may be: told to be on its way, and nothing more.
#[derive(Default)]
struct Ledger {
    must: BTreeSet<String>,
    may: BTreeSet<String>,
    gone: BTreeSet<String>,
    accepted: usize,
}
impl Ledger {
    fn read(&mut self, lines: &[String]) {
        for line in lines {
            let Some((what, item)) = line.split_once(' ') else { continue };
            let item = item.to_owned();
            match what {
                "a" => drop(self.may.insert(item)),
                "A" => {
                    self.accepted += 1;
                    self.may.remove(&item);
                    self.must.insert(item);
                }
                "c" => {
                    self.must.remove(&item);
                    self.may.insert(item);
                }
                "C" | "S" => {
                    self.may.remove(&item);
                    self.gone.insert(item);
                }
                "event" => panic!("{line}"),
                _ => {}
            }
        }
    }
    /// Looks into all files, which nobody has open.
    fn check(&mut self, folder: &Folder) {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for name in folder.names("sluice-", ".redb") {
            let store = RedbStore::open(&folder.file(&name), false, 1 << 30).unwrap();
            for queue in store.queues().unwrap() {
                let rows = store.pending(&queue).unwrap();
                let items: Vec<String> =
                    rows.iter().map(|row| String::from_utf8(row.payload.to_vec()).unwrap()).collect();
                in_order(&items);
                items.into_iter().for_each(|item| *found.entry(item).or_default() += 1);
            }
        }
        let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "in two places: {twice:?}");
        let lost: Vec<_> = self.must.iter().filter(|item| !found.contains_key(*item)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        let odd: Vec<_> =
            found.keys().filter(|item| !self.must.contains(*item) && !self.may.contains(*item)).collect();
        assert!(odd.is_empty(), "settled, and there: {odd:?}");
        // from now on we know
        self.must = found.into_keys().collect();
        self.may.clear();
    }
}
/// Items of one process keep their order wherever they go.
fn in_order(items: &[String]) {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    for item in items {
        let (name, number) = item.rsplit_once(':').unwrap();
        let number = number.parse().unwrap();
        assert!(last.insert(name, number).is_none_or(|last| last < number), "{items:?}");
    }
}

fn kill_one_of(count: usize, sync: bool) {
    let folder = Folder::new();
    let mut ledger = Ledger::default();
    let (mut adoptions, mut seed) = (0, 0x9E37_79B9_u64);
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..rounds() {
        let role = |index| format!("work {round}.{index}{}", if sync { "sync" } else { "" });
        let mut all: Vec<Process> = (0..count).map(|index| Process::start(&role(index), &folder.0)).collect();
        let mut said: Vec<Vec<String>> = vec![Vec::new(); count];
        for (process, said) in all.iter_mut().zip(&mut said) {
            loop {
                let line = process.line().expect("it has ended");
                if line == "ready" {
                    break;
                }
                said.push(line);
            }
        }
        std::thread::sleep(Duration::from_millis(random(30)));
        let victim = random(count as u64) as usize;
        said[victim].extend(all.remove(victim).kill());
        let before = said.remove(victim);
        // it may have had nothing
        std::thread::sleep(Duration::from_millis(10 + random(40)));
        // now and then another one dies as well, perhaps while it adopts
        if round % 3 == 2 && all.len() > 1 {
            said[0].extend(all.remove(0).kill());
        }
        all.iter_mut().for_each(|process| process.tell("stop"));
        let rest = said.len() - all.len();
        for (process, said) in all.into_iter().zip(&mut said[rest..]) {
            let (is_well, lines) = process.finish();
            assert!(is_well && lines.last().unwrap() == "closed", "{:?}", lines.last());
            said.extend(lines);
        }
        let own = |lines: &[String], start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        adoptions += said.iter().map(|lines| own(lines, &format!("R {round}."))).sum::<usize>();
        ledger.read(&before);
        // who was killed may have been adopted and settled by the others: they have the last word
        said.iter().for_each(|lines| ledger.read(lines));
        let gone = std::mem::take(&mut ledger.gone);
        gone.iter().for_each(|item| {
            ledger.must.remove(item);
            ledger.may.remove(item);
        });
        ledger.check(&folder);
    }
    // a slow machine has few, and one that never accepts or adopts proves nothing
    assert!(ledger.accepted > rounds() && adoptions > 0, "{} {adoptions}", ledger.accepted);
    // a last one gets all of it
    let (held, recovered) = open(&folder.options(), "mail");
    let found = items(&recovered);
    in_order(&found);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), ledger.must);
    held.close();
    println!("{} accepted, {adoptions} adopted alive, {} left", ledger.accepted, ledger.must.len());
}

#[test]
fn one_of_two_is_killed_and_the_other_adopts() {
    kill_one_of(2, false);
}
#[test]
fn one_of_four_is_killed_and_the_others_adopt() {
    kill_one_of(4, true);
}

fn leave(folder: &Path, number: u32, items: &[&str]) {
    let path = folder.join(format!("sluice-{number}.redb"));
    let mut store = RedbStore::create(&path, false, 1 << 30).unwrap();
    let rows = items.iter().zip(1..).map(|(item, seq)| row(seq, item)).collect();
    let queue = "mail\u{0}1".into();
    store.commit(&[Change::Adopt { queue, rows, letters: vec![], seen: vec![] }], NOW).unwrap();
}
fn physical(folder: &Folder) -> Vec<String> {
    let mut all = Vec::new();
    for name in folder.names("sluice-", ".redb") {
        let store = RedbStore::open(&folder.file(&name), false, 1 << 30).unwrap();
        for queue in store.queues().unwrap() {
            let rows = store.pending(&queue).unwrap();
            all.extend(rows.iter().map(|row| String::from_utf8(row.payload.to_vec()).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_crash_between_the_commits_of_a_move_is_mended_by_whoever_comes() {
    for round in 0..rounds() {
        let folder = Folder::new();
        leave(&folder.0, 2, &["1", "2"]);
        leave(&folder.0, 4, &["3"]);
        std::fs::write(folder.file("queue.json"), r#"[{"data":4},{"data":5}]"#).unwrap();
        // after the move from 2, from 4, and the import
        let step = round % 3;
        let (is_well, lines) = Process::start(&format!("dies {step}"), &folder.0).finish();
        assert!(!is_well && lines.is_empty());
        let twice = [vec!["1", "1", "2", "2", "3"], vec!["1", "2", "3", "3"], vec!["1", "2", "3", "4", "5"]];
        assert_eq!(physical(&folder), twice[step], "it died where it should");
        // any number of processes come at once: together they find each item once
        let mut all: Vec<Process> = (0..1 + round % 4).map(|_| Process::start("finds", &folder.0)).collect();
        all.iter_mut().for_each(|process| assert_eq!(process.line().unwrap(), "ready"));
        all.iter_mut().for_each(|process| process.tell("go"));
        let mut found = Vec::new();
        for process in &mut all {
            while let Some((_, item)) = process.line().unwrap().split_once(' ') {
                found.push(item.to_owned());
            }
        }
        all.iter_mut().for_each(|process| process.tell("go"));
        all.into_iter().for_each(|process| assert!(process.finish().0));
        found.sort();
        assert_eq!(found, ["1", "2", "3", "4", "5"], "step {step}, {} processes", 1 + round % 4);
        assert_eq!(physical(&folder), ["1", "2", "3", "4", "5"]);
        assert!(!folder.file("queue.json").exists() && folder.file("queue.json.imported").exists());
        // and a later look finds nothing to mend
        let (held, recovered) = open(&folder.options(), "mail");
        assert_eq!(recovered.rows.len(), 5);
        held.close();
        assert_eq!(folder.names("sluice-", ".redb").len(), 1);
    }
}

#[test]
fn one_owner_for_itself_keeps_all_others_out_and_they_it() {
    let folder = Folder::new();
    let alone = Options { exclusive: true, ..folder.options() };
    for (theirs, ours, detail) in [
        ("holds alone", folder.options(), "for itself"),
        ("holds alone", alone.clone(), "others"),
        ("holds", alone.clone(), "others"),
    ] {
        let mut other = Process::start(theirs, &folder.0);
        assert_eq!(other.line().unwrap(), "open");
        let held = try_open(&ours, "mail").unwrap();
        let error = held.wait().unwrap_err();
        assert_eq!(error.kind, Kind::StoreLocked);
        assert!(error.message().contains(detail), "{error}");
        let refused = held.submit(vec![accept(row(held.queue.lease(1), "a"))]).unwrap_err();
        assert_eq!(refused.kind, Kind::StoreLocked);
        held.no_event();
        // once it is gone, a submission tries again
        other.kill();
        until("it opens", || {
            let _ = held.submit(Vec::new());
            std::thread::sleep(Duration::from_millis(20));
            matches!(held.events.lock().unwrap().try_recv(), Ok(Event::Reopened))
        });
        held.resubmit(Vec::new()).unwrap();
        held.accept(&["b"]);
        held.close();
    }
    // two that do not want it for themselves share it
    let mut other = Process::start("holds", &folder.0);
    assert_eq!(other.line().unwrap(), "open");
    let (held, _) = open(&folder.options(), "mail");
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb", "sluice-2.redb"]);
    held.close();
}

#[test]
fn a_look_that_hangs_keeps_nobody_from_starting() {
    look_every(Duration::from_millis(50));
    let folder = Folder::new();
    leave(&folder.0, 1, &["a"]);
    let mut other = Process::start("looks", &folder.0);
    assert_eq!(other.line().unwrap(), "locked");
    let (held, recovered) = open(&folder.options(), "mail");
    assert!(recovered.rows.is_empty());
    assert_eq!(folder.names("sluice-", ".redb"), ["sluice-1.redb", "sluice-2.redb"]);
    held.accept(&["b"]);
    other.kill();
    assert_eq!(items(&held.adopted()), ["a"]);
    held.close();
    assert_eq!(physical(&folder), ["a", "b"]);
}
