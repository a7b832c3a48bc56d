//! Claims on real servers: two instances, one effect.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod servers;

use servers::{Cluster, Server, eventually};
use sluice_io::claims::{Answer, Claims, Config, Word};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longer than anything that goes well takes.
const LONG: Duration = Duration::from_secs(60);

struct Instance {
    claims: Claims,
    degraded: Arc<AtomicU32>,
}
fn open_with(urls: &[String], lease_ms: u64, ttl_ms: Option<u64>, command_timeout_ms: u64) -> Instance {
    let link = sluice_io::redis::Config {
        urls: urls.to_vec(),
        sentinel: None,
        username: None,
        password: None,
        db: None,
        tls: None,
        key_prefix: "p:".to_owned(),
        connect_timeout_ms: 5000,
        command_timeout_ms,
        breaker_failures: 5,
        probe_ms: 200,
        plain: false,
        tracking: false,
        publishes: false,
        compress_min_bytes: 0,
    };
    let degraded = Arc::new(AtomicU32::new(0));
    let told = degraded.clone();
    let tell = move |_| {
        told.fetch_add(1, Ordering::Relaxed);
    };
    Instance { claims: Claims::new(Config { link, ttl_ms, lease_ms }, Box::new(tell)), degraded }
}
fn open(urls: &[String], lease_ms: u64) -> Instance {
    open_with(urls, lease_ms, Some(60_000), 5_000)
}
impl Instance {
    fn say(&self, words: Vec<Word>) -> Vec<Answer> {
        let (sender, receiver) = channel();
        self.claims.say(words, Box::new(move |answers| sender.send(answers).unwrap()));
        receiver.recv_timeout(LONG).expect("an answer")
    }
    fn ask(&self, key: &str) -> Answer {
        self.say(vec![ask(key)]).remove(0)
    }
    fn wait(&self, key: &str) -> Receiver<Answer> {
        let (sender, receiver) = channel();
        let then = move |answer| drop(sender.send(answer));
        self.claims.wait(key.to_owned(), Box::new(then));
        receiver
    }
    fn close(&self) {
        let (sender, receiver) = channel();
        self.claims.close(Box::new(move |()| sender.send(()).unwrap()));
        receiver.recv_timeout(LONG).expect("closed");
    }
}
fn ask(key: &str) -> Word {
    Word::Ask(key.to_owned())
}
fn done(key: &str, json: Option<&str>) -> Word {
    Word::Done(key.to_owned(), json.map(str::to_owned))
}
fn free(key: &str) -> Word {
    Word::Free(key.to_owned())
}
fn result_of(answer: Answer) -> Option<String> {
    match answer {
        Answer::Done(json, _) => json,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_has_a_key_and_the_others_get_its_result() {
    let server = Server::start();
    let (a, b) = (open(&[server.url()], 10_000), open(&[server.url()], 10_000));
    assert_eq!(a.say(vec![ask("k"), ask("l"), ask("m")]), vec![Answer::Ours; 3]);
    assert_eq!(b.say(vec![ask("k"), ask("n"), ask("l")]), vec![Answer::Busy, Answer::Ours, Answer::Busy]);
    let (waits, more) = (b.wait("k"), b.wait("l"));
    let value = server.text(&["GET", "p:k"]);
    assert!(value.starts_with("sluice:1:pending:"), "{value}");
    let left: u64 = server.text(&["PTTL", "p:k"]).parse().unwrap();
    assert!((1..=10_000).contains(&left), "{left}");
    assert!(waits.recv_timeout(Duration::from_millis(100)).is_err(), "still pending");
    a.say(vec![done("k", Some("{\"r\":1}")), free("l"), done("m", None)]);
    assert_eq!(result_of(waits.recv_timeout(LONG).unwrap()).as_deref(), Some("{\"r\":1}"));
    assert_eq!(more.recv_timeout(LONG).unwrap(), Answer::Ours, "it was freed");
    assert_eq!(result_of(b.ask("m")), None);
    let Answer::Done(_, Some(left)) = b.ask("k") else { panic!() };
    assert!((30_000..=60_000).contains(&left), "the long time rules: {left}");
    // neither renews, ends or frees what is not its own
    b.say(vec![free("m"), done("k", Some("2")), free("k")]);
    assert_eq!(result_of(a.ask("k")).as_deref(), Some("{\"r\":1}"));
    a.close();
    b.close();
    assert_eq!((a.degraded.load(Ordering::Relaxed), b.degraded.load(Ordering::Relaxed)), (0, 0));
}

#[test]
fn what_others_wrote_counts_as_done() {
    let server = Server::start();
    server.text(&["SET", "p:one", "1"]);
    server.text(&["SET", "p:json", "{\"a\":1}"]);
    server.text(&["LPUSH", "p:list", "1"]);
    server.text(&["SET", "p:next", "sluice:2:pending:x"]);
    let a = open(&[server.url()], 10_000);
    for key in ["one", "json", "list", "next"] {
        assert_eq!(a.ask(key), Answer::Done(None, None), "{key}");
    }
    assert_eq!(server.text(&["GET", "p:one"]), "1", "and is left as it is");
    a.close();
}

#[test]
fn a_key_that_is_done_for_good_has_no_deadline_and_a_large_result_is_not_kept() {
    let server = Server::start();
    let a = open_with(&[server.url()], 10_000, None, 5_000);
    let large = format!("\"{}\"", "x".repeat(4_095));
    a.say(vec![ask("k"), ask("l"), done("k", Some("1")), done("l", Some(&large))]);
    assert_eq!(server.text(&["PTTL", "p:k"]), "-1");
    assert_eq!(server.text(&["GET", "p:l"]), "sluice:1:done");
    a.close();
}

#[test]
fn words_of_one_key_keep_their_order() {
    let server = Server::start();
    let (a, b) = (open(&[server.url()], 10_000), open(&[server.url()], 10_000));
    for _ in 0..50 {
        let words = vec![ask("k"), free("k"), ask("k"), free("k"), ask("k")];
        assert_eq!(a.say(words), vec![Answer::Ours; 3]);
        assert_eq!(b.ask("k"), Answer::Busy);
        a.say(vec![free("k")]);
        assert_eq!(server.text(&["EXISTS", "p:k"]), "0");
    }
    a.close();
    b.close();
}

#[test]
fn a_lease_is_renewed_while_the_item_is_pending_and_runs_out_with_its_owner() {
    let server = Server::start();
    let (a, b) = (open(&[server.url()], 3_000), open(&[server.url()], 3_000));
    assert_eq!(a.ask("k"), Answer::Ours);
    let waits = b.wait("k");
    assert!(waits.recv_timeout(Duration::from_millis(6_500)).is_err(), "it lives on beyond its lease");
    // as a crash would: nobody renews, nobody frees
    drop(a);
    assert_eq!(waits.recv_timeout(LONG).unwrap(), Answer::Ours);
    b.close();
    assert_eq!(b.degraded.load(Ordering::Relaxed), 0);
}

#[test]
fn while_it_is_frozen_nobody_can_say_and_that_is_told_once() {
    let server = Server::start();
    let a = open_with(&[server.url()], 10_000, Some(60_000), 250);
    assert_eq!(a.ask("k"), Answer::Ours);
    server.freeze();
    let began = Instant::now();
    for number in 0..20 {
        assert_eq!(a.ask(&format!("frozen{number}")), Answer::Away);
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}: the breaker cuts it short", began.elapsed());
    a.say(vec![done("k", Some("1"))]);
    assert_eq!(a.degraded.load(Ordering::Relaxed), 1);
    server.thaw();
    let mut number = 0;
    eventually("it answers again", LONG, || {
        number += 1;
        a.ask(&format!("thawed{number}")) == Answer::Ours
    });
    eventually("what ended meanwhile is told", LONG, || server.text(&["GET", "p:k"]) == "sluice:1:done:1");
    assert_eq!(a.degraded.load(Ordering::Relaxed), 1, "one outage, one event");
    server.freeze();
    eventually("another outage is told too", LONG, || {
        a.ask("again");
        a.degraded.load(Ordering::Relaxed) == 2
    });
    server.thaw();
    a.close();
}

#[test]
fn one_that_was_never_there_costs_little_and_is_told_once() {
    let a = open_with(&["redis://127.0.0.1:1".to_owned()], 10_000, Some(60_000), 250);
    for number in 0..50 {
        assert_eq!(a.ask(&format!("k{number}")), Answer::Away);
    }
    assert_eq!(a.degraded.load(Ordering::Relaxed), 1);
    a.close();
    assert_eq!(a.ask("closed"), Answer::Away);
}

#[test]
fn after_a_restart_what_is_pending_is_claimed_again() {
    let mut server = Server::start();
    let (a, b) = (open(&[server.url()], 6_000), open(&[server.url()], 6_000));
    assert_eq!(a.ask("k"), Answer::Ours);
    server.restart();
    assert_eq!(server.text(&["EXISTS", "p:k"]), "0");
    eventually("the renewal", LONG, || server.text(&["EXISTS", "p:k"]) == "1");
    assert_eq!(b.ask("k"), Answer::Busy);
    server.kill();
    a.say(vec![done("k", Some("7"))]);
    server.restart();
    eventually("what ended meanwhile is told", LONG, || server.text(&["GET", "p:k"]) == "sluice:1:done:7");
    a.close();
    b.close();
}

#[test]
fn in_a_cluster_each_key_has_its_master() {
    let cluster = Cluster::start(false);
    let (a, b) = (open(&cluster.urls(), 10_000), open(&cluster.urls(), 10_000));
    let keys: Vec<String> = (0..300).map(|number| format!("k{number}")).collect();
    let words = || keys.iter().map(|key| ask(key)).collect::<Vec<_>>();
    assert_eq!(a.say(words()), vec![Answer::Ours; 300]);
    assert_eq!(b.say(words()), vec![Answer::Busy; 300]);
    a.say(keys.iter().map(|key| done(key, Some(&format!("\"{key}\"")))).collect());
    for (answer, key) in b.say(words()).into_iter().zip(&keys) {
        assert_eq!(result_of(answer), Some(format!("\"{key}\"")));
    }
    a.close();
    b.close();
}

/// Many instances, each key asked for by all: one gets it, the others its result.
#[test]
fn of_many_at_once_one_has_it() {
    let server = Server::start();
    let effects = Arc::new(Mutex::new(Vec::new()));
    let threads: Vec<_> = (0..8)
        .map(|number: usize| {
            let (url, effects) = (server.url(), effects.clone());
            std::thread::spawn(move || {
                let instance = open(&[url], 10_000);
                for round in 0..40 {
                    // in another order each
                    let key = format!("k{}", (round * 7 + number * 13) % 40);
                    let mut answer = instance.ask(&key);
                    if answer == Answer::Busy {
                        answer = instance.wait(&key).recv_timeout(LONG).unwrap();
                    }
                    if answer == Answer::Ours {
                        effects.lock().unwrap().push(key.clone());
                        instance.say(vec![done(&key, Some(&format!("\"{key}\"")))]);
                    } else {
                        assert_eq!(result_of(answer), Some(format!("\"{key}\"")));
                    }
                }
                instance.close();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut effects = effects.lock().unwrap().clone();
    effects.sort();
    let many = effects.len();
    effects.dedup();
    assert_eq!((many, effects.len()), (40, 40));
}
