//! What a link is told of others' changes.

use crate::servers::{Cluster, Server};
use crate::witness::{
    Event, Witness, aside, config, json, keys, now, open, put, run, run_alone, text_of, write,
};
use sluice_core::cache::Record;
use sluice_io::redis::{Config, Link, State, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

fn tracked(urls: &[String]) -> Config {
    Config { tracking: true, ..config(urls) }
}
/// Writes of one link, as the other is told of them: milliseconds each.
async fn delays(writer: &Link, witness: &Witness, rounds: usize) -> Vec<f64> {
    let mut delays = Vec::new();
    for round in 0..rounds {
        let name = format!("k{round}");
        let began = Instant::now();
        put(writer, &name, "1").await;
        delays.push((witness.changed(&name, SOON).await - began).as_secs_f64() * 1000.0);
    }
    delays.sort_by(f64::total_cmp);
    delays
}

#[test]
fn others_are_told_at_once_and_the_writer_is_not() {
    run_alone(async {
        let server = aside(Server::start).await;
        let (writer, own) = open(tracked(&[server.url()])).await;
        let (reader, witness) = open(tracked(&[server.url()])).await;
        assert!(writer.is_tracking() && reader.is_tracking());
        assert_eq!(own.events(), [Event::State(State::Up, None), Event::Tracking(true, None)]);
        let delays = delays(&writer, &witness, 300).await;
        println!("tracking: p50 {:.2} ms, p99 {:.2} ms", delays[150], delays[297]);
        assert!(delays[297] < 500.0, "{delays:?}");
        writer.lease(b"k1", b"me", 1000).await.unwrap();
        writer.remove(&keys(&["k1"]), b"").await.unwrap();
        writer.remove_pattern(b"k2*", b"").await.unwrap();
        witness.changed("k299", SOON).await;
        let server = aside(move || {
            server.say(&["SET", "other:k", "1"]);
            server.say(&["SET", "t:late", "1"]);
            server
        })
        .await;
        own.changed("late", SOON).await;
        let told: Vec<Event> =
            own.events().into_iter().filter(|event| matches!(event, Event::Changed(_))).collect();
        assert_eq!(told, [Event::Changed(Some(vec!["late".into()]))], "nothing of its own");
        let ours = |event: &Event| matches!(event, Event::Changed(Some(keys)) if keys.iter().any(|k| k.starts_with('\u{1}')));
        assert!(!witness.events().iter().any(ours));
        aside(move || drop(server)).await;
    });
}

#[test]
fn a_change_is_told_before_a_later_reply() {
    run(async {
        let server = aside(Server::start).await;
        let (writer, _) = open(config(&[server.url()])).await;
        let (reader, witness) = open(tracked(&[server.url()])).await;
        for round in 0..500 {
            let text = round.to_string();
            let write = put(&writer, "a", &text);
            let read = async {
                loop {
                    let seen = text_of(&reader, "a").await;
                    if seen.as_deref() == Some(&text) {
                        let told = Event::Changed(Some(vec!["a".into()]));
                        assert!(
                            witness.count(&told) > round,
                            "the value was seen before its change was told"
                        );
                        break;
                    }
                }
            };
            tokio::join!(write, read);
        }
        aside(move || drop(server)).await;
    });
}

#[test]
fn an_emptied_server_is_told() {
    run(async {
        let server = aside(Server::start).await;
        let (link, witness) = open(tracked(&[server.url()])).await;
        put(&link, "a", "1").await;
        let server = aside(move || {
            server.say(&["FLUSHALL"]);
            server
        })
        .await;
        witness.heard("everything", SOON, |event| *event == Event::Changed(None)).await;
        assert_eq!(text_of(&link, "a").await, None);
        aside(move || drop(server)).await;
    });
}

#[test]
fn an_empty_prefix_is_not_tracked() {
    run(async {
        let server = aside(Server::start).await;
        let (link, witness) = open(Config { key_prefix: String::new(), ..tracked(&[server.url()]) }).await;
        assert!(!link.is_tracking());
        let told = witness.events();
        let [Event::Tracking(false, Some(why)), Event::State(State::Up, None)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert!(why.contains("redis.keyPrefix"), "{why}");
        put(&link, "a", "1").await;
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("1"));
        aside(move || drop(server)).await;
    });
}

#[test]
fn tracking_that_is_refused_is_told_once_and_all_else_works() {
    run(async {
        let server = aside(Server::start).await;
        let server = aside(move || {
            assert_eq!(
                server.text(&["ACL", "SETUSER", "u", "on", ">p", "~*", "&*", "+@all", "-client|tracking"]),
                "OK"
            );
            server
        })
        .await;
        let options =
            Config { username: Some("u".into()), password: Some("p".into()), ..tracked(&[server.url()]) };
        let (link, witness) = open(options).await;
        put(&link, "a", "1").await;
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("1"));
        let server = aside(move || {
            server.say(&["CLIENT", "KILL", "USER", "u"]);
            server
        })
        .await;
        witness.state(State::Down, SOON).await;
        witness.heard("up again", SOON, |_| witness.count(&Event::State(State::Up, None)) == 2).await;
        let told: Vec<Event> =
            witness.events().into_iter().filter(|e| matches!(e, Event::Tracking(..))).collect();
        let [Event::Tracking(false, Some(why))] = told.as_slice() else { panic!("{told:?}") };
        assert!(why.contains("NOPERM"), "{why}");
        assert!(!link.is_tracking());
        aside(move || drop(server)).await;
    });
}

#[test]
fn a_connection_that_is_cut_is_told_and_comes_back() {
    run_alone(async {
        let server = aside(Server::start).await;
        let (link, witness) = open(tracked(&[server.url()])).await;
        let server = Arc::new(server);
        for round in 1..=3 {
            witness.clear();
            let cut = server.clone();
            aside(move || assert_ne!(cut.text(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]), "0"))
                .await;
            let lost = witness.tracking(false, SOON).await;
            let back = witness.tracking(true, SOON).await;
            println!("round {round}: tracking again after {:?}", back - lost);
            assert!(link.is_tracking() && link.state() == State::Up);
            let other = server.clone();
            aside(move || other.say(&["SET", "t:x", "1"])).await;
            witness.changed("x", SOON).await;
        }
        aside(move || drop(server)).await;
    });
}

#[test]
fn a_dead_connection_is_noticed_while_nothing_is_asked() {
    run_alone(async {
        let server = aside(Server::start).await;
        let (link, witness) = open(tracked(&[server.url()])).await;
        let server = aside(move || {
            server.freeze();
            server
        })
        .await;
        let began = Instant::now();
        let lost = witness.tracking(false, Duration::from_secs(20)).await;
        println!("a frozen server was noticed after {:?}", lost - began);
        assert!(!link.is_tracking());
        let server = aside(move || {
            server.thaw();
            server
        })
        .await;
        witness.tracking(true, Duration::from_secs(20)).await;
        aside(move || drop(server)).await;
    });
}

#[test]
fn each_master_of_a_cluster_is_tracked() {
    run_alone(async {
        let cluster = aside(|| Cluster::start(false)).await;
        let (writer, own) = open(tracked(&cluster.urls())).await;
        let (reader, witness) = open(tracked(&cluster.urls())).await;
        assert!(reader.is_tracking(), "{:?}", witness.events());
        let delays = delays(&writer, &witness, 100).await;
        println!("tracking in a cluster: p50 {:.2} ms, p99 {:.2} ms", delays[50], delays[98]);
        assert!(delays[98] < 500.0, "{delays:?}");
        let echoes = own.events().iter().filter(|event| matches!(event, Event::Changed(_))).count();
        assert_eq!(echoes, 0, "its own writes are not told to it: {:?}", own.events());
        witness.clear();
        let cluster = aside(move || {
            cluster.masters[1].say(&["CLIENT", "KILL", "TYPE", "normal"]);
            cluster
        })
        .await;
        witness.tracking(false, SOON).await;
        witness.tracking(true, SOON).await;
        assert_eq!(witness.count(&Event::State(State::Down, None)), 0, "the others still answer");
        aside(move || drop(cluster)).await;
    });
}

/// What each command says on the channel.
async fn published(writer: &Arc<Link>, witness: &Witness) {
    let origin = Some(bytes::Bytes::from_static(b"me"));
    let at = now();
    let tags = ["red".into()].into();
    let record = Record { tags, ..json("1", at + 60_000) };
    let set = Write { publish: origin.clone(), ..write("a\u{0}ü", record) };
    assert_eq!(writer.set_many(vec![set.clone()], at).await, vec![Ok(true)]);
    let heard = async |change: &str| {
        let wanted = Event::Published("me".into(), change.into());
        witness.heard(change, SOON, |event| *event == wanted).await;
    };
    heard("a\u{0}ü").await;
    writer.remove(&keys(&["b"]), b"me").await.unwrap();
    heard("b").await;
    writer.remove_pattern(b"c*", b"me").await.unwrap();
    heard("pattern c*").await;
    witness.clear();
    writer.remove_tag("red", b"me").await.unwrap();
    heard("a\u{0}ü").await;
    heard("tag red").await;
}
#[test]
fn changes_are_published_on_the_channel() {
    run(async {
        let server = aside(Server::start).await;
        let options = |urls: &[String]| Config { publishes: true, ..config(urls) };
        let (writer, _) = open(options(&[server.url()])).await;
        let (_reader, witness) = open(options(&[server.url()])).await;
        assert_eq!(witness.count(&Event::Channel(true)), 1);
        published(&writer, &witness).await;
        let cluster = aside(|| Cluster::start(false)).await;
        let (writer, _) = open(options(&cluster.urls())).await;
        let (_reader, witness) = open(options(&cluster.urls())).await;
        witness.heard("the channel", SOON, |event| *event == Event::Channel(true)).await;
        published(&writer, &witness).await;
        witness.clear();
        let cluster = aside(move || {
            cluster.masters.iter().for_each(|node| {
                node.say(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            });
            cluster
        })
        .await;
        witness.heard("the loss of the channel", SOON, |event| *event == Event::Channel(false)).await;
        witness.heard("the channel again", SOON, |event| *event == Event::Channel(true)).await;
        published(&writer, &witness).await;
        aside(move || drop((server, cluster))).await;
    });
}
