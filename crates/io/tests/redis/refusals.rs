//! Servers that refuse: a password, a right, a command; or that are not there.

use crate::servers::Server;
use crate::witness::{Event, aside, config, json, keys, now, open, put, run, run_alone, text_of, write};
use bytes::Bytes;
use sluice_io::redis::{Config, State, Write};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The end of a call that waits for nothing: it has ended when it is asked for the first time.
async fn at_once<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(ended),
        Poll::Pending => panic!("it waits"),
    })
    .await
}

#[test]
fn a_server_that_refuses_us_is_down_in_its_own_words() {
    run(async {
        let server = aside(|| Server::with(&["--requirepass", "secret"])).await;
        let (link, witness) = open(config(&[server.url()])).await;
        assert_eq!(link.state(), State::Down);
        let told = witness.events();
        assert!(
            matches!(&told[..], [Event::State(State::Down, Some(why))] if why.contains("NOAUTH")),
            "{told:?}"
        );
        assert!(at_once(link.get_many(&keys(&["a"]), now())).await.is_err());
        let wrong = Config { password: Some("wrong".into()), ..config(&[server.url()]) };
        let told = open(wrong).await.1.events();
        assert!(
            matches!(&told[..], [Event::State(State::Down, Some(why))] if why.contains("WRONGPASS")),
            "{told:?}"
        );
        assert!(!format!("{told:?}").contains("wrong\""), "no password is shown");
        let right = Config { password: Some("secret".into()), db: Some(3), ..config(&[server.url()]) };
        let link = open(right).await.0;
        put(&link, "a", "1").await;
        let url = format!("redis://:secret@127.0.0.1:{}/3", server.port);
        let by_url = open(config(&[url])).await.0;
        assert_eq!(text_of(&by_url, "a").await.as_deref(), Some("1"), "password and database, also by URL");
        aside(move || drop(server)).await;
    });
}

#[test]
fn what_a_server_refuses_is_a_failed_call_and_no_outage() {
    run(async {
        let server = Arc::new(aside(Server::start).await);
        let (link, witness) = open(config(&[server.url()])).await;
        put(&link, "a", "1").await;
        let full = server.clone();
        aside(move || full.say(&["CONFIG", "SET", "maxmemory", "1"])).await;
        for _ in 0..10 {
            let at = now();
            let result = link.set_many(vec![write("b", json("1", at + 9_000))], at).await.remove(0);
            assert!(result.unwrap_err().detail().starts_with("OOM"));
        }
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("1"));
        assert_eq!(witness.events(), [Event::State(State::Up, None)]);
        aside(move || drop(server)).await;
    });
}

#[test]
fn nobody_there_is_told_at_once() {
    run_alone(async {
        let began = Instant::now();
        let (link, _) = open(config(&["redis://127.0.0.1:1".to_owned()])).await;
        let (cluster, told) = open(config(&["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()])).await;
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!((link.state(), cluster.state()), (State::Down, State::Down));
        assert_eq!(told.events().len(), 1);
        for link in [link, cluster] {
            assert!(at_once(link.get_many(&keys(&["a"]), now())).await.is_err());
            assert!(at_once(link.set_many(vec![write("a", json("1", now() + 9))], now())).await[0].is_err());
            assert!(at_once(link.remove(&keys(&["a"]), b"")).await.is_err());
            assert!(at_once(link.remove_pattern(b"*", b"")).await.is_err());
            assert!(at_once(link.remove_tag("a", b"")).await.is_err());
            assert!(at_once(link.keys(b"", 1)).await.is_err());
            assert!(at_once(link.lease(b"a", b"me", 1)).await.is_err());
            assert!(at_once(link.health()).await.is_err());
        }
    });
}

#[test]
fn without_resp3_all_but_tracking_works() {
    run(async {
        let server = aside(|| Server::with(&["--rename-command", "HELLO", ""])).await;
        let (link, witness) = open(Config { tracking: true, ..config(&[server.url()]) }).await;
        let told = witness.events();
        assert!(
            matches!(&told[..], [Event::Tracking(false, Some(_)), Event::State(State::Up, None)]),
            "{told:?}"
        );
        put(&link, "a", "1").await;
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("1"));
        assert_eq!(link.remove_pattern(b"*", b"").await, Ok(1));
        aside(move || drop(server)).await;
    });
}

#[test]
fn who_may_not_publish_is_not_heard_and_hears_nothing() {
    run(async {
        let server = aside(Server::start).await;
        let server = aside(move || {
            assert_eq!(
                server.text(&["ACL", "SETUSER", "u", "on", ">p", "~*", "resetchannels", "+@all"]),
                "OK"
            );
            server
        })
        .await;
        let user =
            Config { username: Some("u".into()), password: Some("p".into()), ..config(&[server.url()]) };
        let (link, witness) = open(Config { publishes: true, ..user }).await;
        let at = now();
        let set = Write { publish: Some(Bytes::from_static(b"me")), ..write("a", json("1", at + 60_000)) };
        assert_eq!(link.set_many(vec![set], at).await, vec![Ok(true)]);
        assert_eq!(link.remove(&keys(&["a"]), b"me").await, Ok(1));
        assert_eq!(link.remove_pattern(b"*", b"me").await, Ok(0));
        assert_eq!(
            witness.events(),
            [Event::State(State::Up, None)],
            "the channel is never said to be heard"
        );
        aside(move || drop(server)).await;
    });
}
