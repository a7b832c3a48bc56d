//! Each command, on a server and on a cluster.

use crate::servers::{Cluster, Server, eventually};
use crate::witness::{aside, config, json, key, keys, now, open, put, run, text_of, write};
use bytes::Bytes;
use sluice_core::cache::Record;
use sluice_io::redis::{Answer, Config, Lease, Link, State, Write};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Runs a check on a single server and on a cluster of three masters.
fn everywhere<F>(check: fn(Arc<Link>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    run(async move {
        let server = aside(Server::start).await;
        check(open(config(&[server.url()])).await.0).await;
        check(open(Config { plain: true, key_prefix: "p:".into(), ..config(&[server.url()]) }).await.0).await;
        let cluster = aside(|| Cluster::start(false)).await;
        check(open(config(&cluster.urls())).await.0).await;
        aside(move || drop((server, cluster))).await;
    });
}
fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{prefix}{index}")).collect()
}
async fn fill(link: &Link, names: &[String]) {
    let at = now();
    let writes = names.iter().map(|name| write(name, json("1", at + 60_000))).collect();
    assert!(link.set_many(writes, at).await.iter().all(|result| *result == Ok(true)));
}

#[test]
fn values_are_set_read_and_removed() {
    everywhere(|link| async move {
        assert_eq!(link.state(), State::Up);
        link.health().await.unwrap();
        assert_eq!(text_of(&link, "a").await, None);
        put(&link, "a", "[1]").await;
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("[1]"));
        let fill = Write { only_absent: true, ..write("a", json("[2]", now() + 60_000)) };
        assert_eq!(link.set_many(vec![fill], now()).await, vec![Ok(false)]);
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("[1]"));
        assert_eq!(link.remove(&keys(&["a", "b"]), b"").await, Ok(1));
        assert_eq!(text_of(&link, "a").await, None);
        let over = write("a", json("[3]", now() - 1));
        put(&link, "a", "[1]").await;
        assert_eq!(link.set_many(vec![over], now()).await, vec![Ok(true)]);
        assert_eq!(text_of(&link, "a").await, None, "a value whose time is over leaves nothing, old or new");
    });
}

#[test]
fn thousands_at_once_keep_their_order() {
    everywhere(|link| async move {
        let names = names("many", 3_000);
        fill(&link, &names).await;
        let wanted: Vec<Bytes> = names.iter().map(|name| key(name)).chain([key("none")]).collect();
        let answers = link.get_many(&wanted, now()).await.unwrap();
        assert_eq!(answers.len(), 3_001);
        assert!(answers[..3_000].iter().all(|answer| matches!(answer, Answer::Found { .. })));
        assert_eq!(answers[3_000], Answer::Absent);
        assert_eq!(link.remove(&wanted, b"").await, Ok(3_000));
    });
}

#[test]
fn order_is_kept_under_load() {
    everywhere(|link| async move {
        // each task of the engine polls its calls in order and does not wait for one before it makes the next
        for round in 0..20 {
            let mut calls = tokio::task::JoinSet::new();
            for number in 0..50 {
                let link = link.clone();
                calls.spawn(async move {
                    let at = now();
                    let text = format!("[{round},{number}]");
                    let mut writes: Vec<Write> =
                        (0..40).map(|pad| write(&format!("pad{pad}"), json("0", at + 9_000))).collect();
                    writes.push(write("ordered", json(&text, at + 9_000)));
                    if number == 30 {
                        link.remove(&keys(&["ordered"]), b"").await.unwrap();
                    } else {
                        assert!(link.set_many(writes, at).await.iter().all(|result| *result == Ok(true)));
                    }
                });
            }
            while let Some(done) = calls.join_next().await {
                done.unwrap();
            }
            assert_eq!(text_of(&link, "ordered").await, Some(format!("[{round},49]")));
        }
    });
}

#[test]
fn patterns_reach_everything_and_nothing_else() {
    everywhere(|link| async move {
        let (mine, others) = (names("pa[t]:", 2_500), names("pat:", 50));
        fill(&link, &mine).await;
        fill(&link, &others).await;
        assert_eq!(link.remove_pattern(br"pa\[t\]:*", b"").await, Ok(2_500));
        assert_eq!(link.remove_pattern(b"pat:[0-9]", b"").await, Ok(10));
        assert_eq!(link.remove_pattern(b"pat:10", b"").await, Ok(1));
        assert_eq!(link.lease(b"pat:11", b"me", 10_000).await.map(|_| ()), Ok(()));
        assert_eq!(link.remove_pattern(b"*", b"").await, Ok(39));
        assert_eq!(link.lease(b"pat:11", b"you", 10_000).await, Ok(Lease::Busy), "what is ours stays");
        assert_eq!(link.keys(b"", 10).await, Ok(vec![]));
    });
}

#[test]
fn keys_are_listed_without_ours() {
    everywhere(|link| async move {
        fill(&link, &names("list:*", 1_500)).await;
        fill(&link, &names("list:", 20)).await;
        link.lease(b"list:1", b"me", 10_000).await.unwrap();
        let all: BTreeSet<Bytes> = link.keys(b"list:", 100_000).await.unwrap().into_iter().collect();
        assert_eq!(all.len(), 1_520);
        let some = link.keys(b"list:*", 1_000).await.unwrap();
        assert_eq!(some.len(), 1_000);
        assert!(some.iter().all(|key| key.starts_with(b"list:*")));
        assert_eq!(some.iter().collect::<BTreeSet<_>>().len(), 1_000);
        link.remove_pattern(b"*", b"").await.unwrap();
    });
}

#[test]
fn tags_delete_what_still_carries_them() {
    everywhere(|link| async move {
        let at = now();
        let tagged = |name: &str, tags: &[&str]| {
            let tags = tags.iter().map(|tag| Box::from(*tag)).collect();
            write(name, Record { tags, ..json("1", at + 60_000) })
        };
        let mut writes: Vec<Write> = (0..1_200).map(|n| tagged(&format!("u{n}"), &["user", "all"])).collect();
        writes.push(tagged("other", &["else", &"long ".repeat(200)]));
        writes.push(tagged("moved", &["user", "all"]));
        writes.push(tagged("gone", &["user"]));
        assert!(link.set_many(writes, at).await.iter().all(|result| *result == Ok(true)));
        // the value now carries another tag; a plain one cannot say so and goes with the old one
        let moved = tagged("moved", &["else"]);
        assert_eq!(link.set_many(vec![moved], at).await, vec![Ok(true)]);
        link.remove(&keys(&["gone"]), b"").await.unwrap();
        let removed: BTreeSet<Bytes> = link.remove_tag("user", b"").await.unwrap().into_iter().collect();
        assert!((0..1_200).all(|n| removed.contains(format!("u{n}").as_bytes())));
        assert_eq!(text_of(&link, "u7").await, None);
        assert_eq!(text_of(&link, "other").await.as_deref(), Some("1"));
        if !removed.contains(&b"moved"[..]) {
            assert_eq!(text_of(&link, "moved").await.as_deref(), Some("1"));
        }
        assert_eq!(link.remove_tag("user", b"").await, Ok(vec![]));
        let rest: BTreeSet<Bytes> =
            link.remove_tag(&"long ".repeat(200), b"").await.unwrap().into_iter().collect();
        assert_eq!(rest, BTreeSet::from([key("other")]));
        link.remove_pattern(b"*", b"").await.unwrap();
    });
}

#[test]
fn a_tag_forgets_no_value_that_carries_it() {
    run(async {
        let server = aside(Server::start).await;
        let link = open(config(&[server.url()])).await.0;
        let at = now();
        let tagged =
            |name: &str, ttl: u64| write(name, Record { tags: ["t".into()].into(), ..json("1", at + ttl) });
        // not deleted under a tag that was taken away
        link.set_many(vec![tagged("a", 60_000), write("a", json("2", at + 60_000))], at).await;
        assert_eq!(link.remove_tag("t", b"").await, Ok(vec![]));
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("2"));
        // the set lives as long as its longest member, and does not keep the dead
        link.set_many(vec![tagged("long", 60_000)], at).await;
        for n in 0..500 {
            link.set_many(vec![tagged(&format!("short{n}"), 60)], now().min(at)).await;
            if n % 100 == 99 {
                tokio::time::sleep(Duration::from_millis(80)).await;
            }
        }
        let late = now();
        for n in 0..300 {
            let record = Record { tags: ["t".into()].into(), ..json("1", late + 30_000) };
            link.set_many(vec![write(&format!("live{}", n % 10), record)], late).await;
        }
        let (left, size) = aside(move || {
            (server.text(&["PTTL", "t:\u{1}t:t"]).parse::<u64>().unwrap(), {
                let size = server.text(&["SCARD", "t:\u{1}t:t"]).parse::<u64>().unwrap();
                drop(server);
                size
            })
        })
        .await;
        assert!((30_001..=60_000).contains(&left), "{left}");
        assert!((11..200).contains(&size), "{size} of which 11 live");
    });
}

#[test]
fn leases_are_one_owners_and_their_tokens_grow() {
    everywhere(|link| async move {
        for key in [&b"k"[..], b"{k}x", b"a{}b", b"a}b"] {
            let Ok(Lease::Granted(first)) = link.lease(key, b"one", 10_000).await else { panic!() };
            assert_eq!(link.lease(key, b"two", 10_000).await, Ok(Lease::Busy));
            assert_eq!(link.lease(key, b"one", 10_000).await, Ok(Lease::Granted(first)), "renewed");
            link.release(key, b"two").await.unwrap();
            assert_eq!(link.lease(key, b"two", 10_000).await, Ok(Lease::Busy), "only its owner ends it");
            link.release(key, b"one").await.unwrap();
            let Ok(Lease::Granted(second)) = link.lease(key, b"two", 60).await else { panic!() };
            assert!(second > first && second < 1 << 53);
            tokio::time::sleep(Duration::from_millis(90)).await;
            let Ok(Lease::Granted(third)) = link.lease(key, b"three", 10_000).await else { panic!() };
            assert!(third > second);

            let name = std::str::from_utf8(key).unwrap();
            let fenced = |text: &str, owner: &str, token: u64| Write {
                fence: Some((Bytes::copy_from_slice(owner.as_bytes()), token)),
                ..write(name, json(text, now() + 60_000))
            };
            let late = link.set_many(vec![fenced("1", "two", second)], now()).await;
            assert_eq!(late, vec![Ok(false)], "{name}: a late owner stores nothing");
            assert_eq!(text_of(&link, name).await, None);
            assert_eq!(link.set_many(vec![fenced("2", "three", third)], now()).await, vec![Ok(true)]);
            assert_eq!(text_of(&link, name).await.as_deref(), Some("2"));
            link.release(key, b"three").await.unwrap();
            assert_eq!(link.set_many(vec![fenced("3", "three", third)], now()).await, vec![Ok(false)]);
            link.remove(&[Bytes::copy_from_slice(key)], b"").await.unwrap();
        }
    });
}

#[test]
fn a_closed_link_refuses() {
    run(async {
        let server = aside(Server::start).await;
        let (link, _) = open(config(&[server.url()])).await;
        link.close().await;
        assert_eq!(
            link.get_many(&keys(&["a"]), now()).await.unwrap_err().kind,
            sluice_core::error::Kind::Closed
        );
        assert!(link.set_many(vec![write("a", json("1", now() + 9))], now()).await[0].is_err());
        aside(move || {
            let clients = || server.text(&["CLIENT", "LIST"]).lines().count();
            eventually("its connection is gone", Duration::from_secs(2), || clients() == 1);
        })
        .await;
    });
}
