//! Masters that change: by sentinels, by a cluster, by moving slots.

use crate::servers::{Cluster, Watched};
use crate::witness::{Event, aside, config, get, json, key, now, open, put, run, text_of, write};
use sluice_io::redis::{Answer, Config, Link, Sentinel, State};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(120);

/// Until a write succeeds; how long it took.
async fn writable(link: &Link, name: &str) -> Duration {
    let began = Instant::now();
    loop {
        let at = now();
        if link.set_many(vec![write(name, json("\"new\"", at + 60_000))], at).await[0].is_ok() {
            return began.elapsed();
        }
        assert!(began.elapsed() < LONG, "no master took over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn sentinels_name_the_next_master() {
    run(async {
        let watched = aside(Watched::start).await;
        let options = Config {
            sentinel: Some(Sentinel { master_name: "main".into(), nodes: watched.nodes(), password: None }),
            tracking: true,
            probe_ms: 200,
            ..config(&[])
        };
        let (link, witness) = open(options).await;
        put(&link, "a", "1").await;
        let watched = aside(move || {
            let mut watched = watched;
            assert_eq!(watched.master.text(&["WAIT", "1", "2000"]), "1");
            watched.master.kill();
            watched
        })
        .await;
        witness.state(State::Down, LONG).await;
        let at = now();
        assert!(link.set_many(vec![write("a", json("2", at + 60_000))], at).await[0].is_err());
        println!("sentinel: writable after {:?}", writable(&link, "b").await);
        assert_eq!(text_of(&link, "a").await, None, "missed while there was no master");
        assert_eq!(witness.count(&Event::Tracking(true, None)), 2);
        let watched = aside(move || {
            assert!(watched.replica.text(&["INFO", "replication"]).contains("role:master"));
            watched.replica.say(&["SET", "t:x", "1"]);
            watched
        })
        .await;
        witness.changed("x", LONG).await;
        aside(move || drop(watched)).await;
    });
}

#[test]
fn a_master_that_was_demoted_is_left() {
    run(async {
        let watched = aside(Watched::start).await;
        let options = Config {
            sentinel: Some(Sentinel { master_name: "main".into(), nodes: watched.nodes(), password: None }),
            probe_ms: 200,
            ..config(&[])
        };
        let (link, _) = open(options).await;
        put(&link, "a", "1").await;
        let watched = Arc::new(watched);
        let asked = watched.clone();
        aside(move || assert_eq!(asked.sentinels[0].text(&["SENTINEL", "FAILOVER", "main"]), "OK")).await;
        let began = Instant::now();
        loop {
            writable(&link, "b").await;
            let asked = watched.clone();
            if aside(move || {
                asked.replica.text(&["GET", "t:b"]).contains("new")
                    && asked.replica.text(&["INFO", "replication"]).contains("role:master")
            })
            .await
            {
                break;
            }
            assert!(began.elapsed() < LONG, "writes still go to the old master");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        aside(move || drop(watched)).await;
    });
}

#[test]
fn a_cluster_promotes_a_replica() {
    run(async {
        let cluster = aside(|| Cluster::start(true)).await;
        let (link, witness) = open(Config { tracking: true, probe_ms: 200, ..config(&cluster.urls()) }).await;
        // a key of the first master: its slots begin at 0
        let mut name = String::new();
        for index in 0..100 {
            name = format!("n{index}");
            put(&link, &name, "1").await;
            let found = cluster.masters[0].port;
            let at = name.clone();
            let port = found.to_string();
            let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
            let here = aside(move || {
                let mut connection = client.get_connection().unwrap();
                redis::cmd("EXISTS").arg(format!("t:{at}")).query::<i64>(&mut connection)
            })
            .await;
            if here == Ok(1) {
                break;
            }
        }
        let cluster = aside(move || {
            let mut cluster = cluster;
            assert_eq!(cluster.masters[0].text(&["WAIT", "1", "2000"]), "1");
            cluster.masters[0].kill();
            cluster
        })
        .await;
        witness.clear();
        let at = now();
        assert!(link.set_many(vec![write(&name, json("2", at + 60_000))], at).await[0].is_err());
        println!("cluster: writable after {:?}", writable(&link, "{x}b").await);
        let began = Instant::now();
        while get(&link, &name).await == Answer::Unreachable {
            assert!(began.elapsed() < LONG);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(
            get(&link, &name).await,
            Answer::Absent,
            "the new master was told what the old one missed"
        );
        witness.tracking(true, LONG).await;
        let told = name.clone();
        let cluster = aside(move || {
            cluster.replica.as_ref().unwrap().say(&["SET", &format!("t:{told}"), "1"]);
            cluster
        })
        .await;
        witness.changed(&name, LONG).await;
        aside(move || drop(cluster)).await;
    });
}

#[test]
fn commands_follow_a_slot_that_moves() {
    run(async {
        let cluster = aside(|| Cluster::start(false)).await;
        let (link, _) = open(config(&cluster.urls())).await;
        let at = now();
        // {a} is in slot 15495, of the third master
        let writes = |text: &str| -> Vec<_> {
            (0..40).map(|index| write(&format!("{{a}}{index}"), json(text, at + 60_000))).collect()
        };
        assert!(link.set_many(writes("1"), at).await.iter().all(|result| *result == Ok(true)));
        let cluster = aside(move || {
            let (from, to) = (&cluster.masters[2], &cluster.masters[0]);
            let (from_id, to_id) = (from.text(&["CLUSTER", "MYID"]), to.text(&["CLUSTER", "MYID"]));
            assert_eq!(to.text(&["CLUSTER", "SETSLOT", "15495", "IMPORTING", &from_id]), "OK");
            assert_eq!(from.text(&["CLUSTER", "SETSLOT", "15495", "MIGRATING", &to_id]), "OK");
            for index in 0..20 {
                let key = format!("t:{{a}}{index}");
                let port = to.port.to_string();
                assert_eq!(from.text(&["MIGRATE", "127.0.0.1", &port, &key, "0", "2000"]), "OK");
            }
            cluster
        })
        .await;
        // half of the keys are asked for elsewhere, half are still there
        let names: Vec<_> = (0..40).map(|index| key(&format!("{{a}}{index}"))).collect();
        let answers = link.get_many(&names, now()).await.unwrap();
        assert!(answers.iter().all(|answer| matches!(answer, Answer::Found { .. })), "{answers:?}");
        let set = link.set_many(writes("2"), at).await;
        assert!(set.iter().all(|result| *result == Ok(true)), "{set:?}");
        let cluster = aside(move || {
            let (from, to) = (&cluster.masters[2], &cluster.masters[0]);
            let to_id = to.text(&["CLUSTER", "MYID"]);
            for index in 20..40 {
                let port = to.port.to_string();
                from.text(&["MIGRATE", "127.0.0.1", &port, &format!("t:{{a}}{index}"), "0", "2000"]);
            }
            for node in [to, from, &cluster.masters[1]] {
                assert_eq!(node.text(&["CLUSTER", "SETSLOT", "15495", "NODE", &to_id]), "OK");
            }
            cluster
        })
        .await;
        for name in ["{a}0", "{a}39"] {
            assert_eq!(text_of(&link, name).await.as_deref(), Some("2"), "{name}");
        }
        let removed = Config { publishes: true, ..config(&cluster.urls()) };
        assert_eq!(open(removed).await.0.remove(&names, b"me").await, Ok(40));
        aside(move || drop(cluster)).await;
    });
}
