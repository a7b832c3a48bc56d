//! One of several is killed, round after round: every acknowledged row is in exactly one file.

use crate::log_files::*;
use crate::rounds;
use sluice_io::log::{DurableStore, RedbStore};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

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
