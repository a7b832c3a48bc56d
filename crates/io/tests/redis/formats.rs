//! What lies in Redis, and what is read there.

use crate::servers::Server;
use crate::witness::{aside, config, get, json, key, keys, now, open, run, run_alone, write};
use redis::Value;
use sluice_core::cache::{NEVER, Record, Tag};
use sluice_io::redis::Answer;

fn found(tag: Tag, bytes: &[u8]) -> (Tag, Vec<u8>) {
    (tag, bytes.to_vec())
}
fn value(answer: Answer) -> (Tag, Vec<u8>) {
    match answer {
        Answer::Found { record, .. } => (record.tag, record.bytes.to_vec()),
        other => panic!("{other:?}"),
    }
}
fn samples() -> Vec<(&'static str, Tag, Vec<u8>)> {
    vec![
        ("json", Tag::Json, br#"{"a":[1,null,"x"]}"#.to_vec()),
        ("text", Tag::Text, b"123".to_vec()),
        ("unicode", Tag::Text, "\u{1}\u{2}größe \"\\\n".as_bytes().to_vec()),
        ("empty", Tag::Text, Vec::new()),
        ("bytes", Tag::Bytes, vec![0, 255, 1, 2, 128]),
        ("v8", Tag::V8, vec![255, 15, 34, 1, 97]),
        ("big", Tag::Bytes, (0..200_000u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect()),
    ]
}

#[test]
fn both_formats_are_written_and_read_by_both() {
    run(async {
        let server = aside(Server::start).await;
        let tagged = open(config(&[server.url()])).await.0;
        let plain = open(sluice_io::redis::Config { plain: true, ..config(&[server.url()]) }).await.0;
        for (writer, reader) in [(&tagged, &plain), (&plain, &tagged), (&tagged, &tagged), (&plain, &plain)] {
            let at = now();
            let writes = samples()
                .into_iter()
                .map(|(name, tag, bytes)| write(name, Record::new(tag, bytes, at + 90_000)))
                .collect();
            assert!(writer.set_many(writes, at).await.iter().all(|result| *result == Ok(true)));
            let names: Vec<&str> = samples().iter().map(|sample| sample.0).collect();
            let answers = reader.get_many(&keys(&names), at).await.unwrap();
            for ((name, tag, bytes), answer) in samples().into_iter().zip(answers) {
                let Answer::Found { record, known_ttl } = answer else { panic!("{name}: {answer:?}") };
                assert!(
                    known_ttl && record.deadline.abs_diff(at + 90_000) < 5_000,
                    "{name}: {}",
                    record.deadline
                );
                assert!((record.tag, record.bytes.to_vec()) == (tag, bytes), "{name}");
            }
        }
        let lies =
            aside(move || (server.text(&["GET", "t:text"]), server.text(&["GET", "t:json"]), server)).await;
        assert_eq!((lies.0.as_str(), lies.1.as_str()), ("\"123\"", r#"{"a":[1,null,"x"]}"#));
    });
}

#[test]
fn plain_is_set_with_ex_or_px() {
    run(async {
        let server = aside(Server::start).await;
        let link = open(sluice_io::redis::Config { plain: true, ..config(&[server.url()]) }).await.0;
        let at = now();
        let writes = vec![
            write("whole", json("1", at + 60_000)),
            write("part", json("1", at + 1_500)),
            write("forever", json("1", NEVER)),
        ];
        link.set_many(writes, at).await;
        assert_eq!(
            link.get_many(&keys(&["forever"]), at).await.unwrap()[0],
            Answer::Found { record: json("1", NEVER), known_ttl: true }
        );
        aside(move || {
            assert_eq!(server.say(&["TTL", "t:whole"]), Value::Int(60));
            assert!(matches!(server.say(&["PTTL", "t:part"]), Value::Int(1300..=1500)));
            assert_eq!(server.say(&["TTL", "t:forever"]), Value::Int(-1));
        })
        .await;
    });
}

#[test]
fn what_others_wrote_is_read_and_what_is_damaged_is_told() {
    run(async {
        let server = aside(Server::start).await;
        let server = aside(move || {
            server.say(&["SET", "t:number", "12", "PX", "50000"]);
            server.say(&["SET", "t:word", "hello"]);
            server.say_bytes(&[b"SET", b"t:binary", b"\xff\xfe"]);
            server.say(&["SET", "t:broken", "\u{2}1j0xyz"]);
            server.say(&["RPUSH", "t:list", "a"]);
            server
        })
        .await;
        for plain in [false, true] {
            let link = open(sluice_io::redis::Config { plain, ..config(&[server.url()]) }).await.0;
            assert_eq!(value(get(&link, "number").await), found(Tag::Json, b"12"));
            let at = now();
            let Answer::Found { record, known_ttl: true } = get(&link, "number").await else { panic!() };
            assert!(record.deadline <= at + 50_100 && record.deadline > at + 40_000);
            assert_eq!(value(get(&link, "word").await), found(Tag::Text, b"hello"));
            assert_eq!(get(&link, "binary").await, Answer::Damaged);
            assert_eq!(get(&link, "broken").await, Answer::Damaged);
            assert!(matches!(get(&link, "list").await, Answer::Damaged | Answer::Absent));
            assert_eq!(get(&link, "nothing").await, Answer::Absent);
        }
        aside(move || drop(server)).await;
    });
}

#[test]
fn compression_saves_and_comes_back() {
    run(async {
        let server = aside(Server::start).await;
        let link =
            open(sluice_io::redis::Config { compress_min_bytes: 100, ..config(&[server.url()]) }).await.0;
        let text = "sluice ".repeat(1000).into_bytes();
        let at = now();
        let writes = vec![
            write("long", Record::new(Tag::Text, text.clone(), at + 9_000)),
            write("short", Record::new(Tag::Text, text[..99].to_vec(), at + 9_000)),
        ];
        link.set_many(writes, at).await;
        assert_eq!(value(get(&link, "long").await), found(Tag::Text, &text));
        assert_eq!(value(get(&link, "short").await), found(Tag::Text, &text[..99]));
        let reader = open(config(&[server.url()])).await.0;
        assert_eq!(value(get(&reader, "long").await), found(Tag::Text, &text), "read without the option too");
        let sizes =
            aside(move || (server.say(&["STRLEN", "t:long"]), server.say(&["STRLEN", "t:short"]))).await;
        assert!(matches!(sizes.0, Value::Int(30..=200)));
        assert_eq!(sizes.1, Value::Int(28 + 99));
    });
}

#[test]
fn clocks_an_hour_apart_agree() {
    run_alone(async {
        let server = aside(Server::start).await;
        let (slow, fast) = (open(config(&[server.url()])).await.0, open(config(&[server.url()])).await.0);
        const HOUR: u64 = 3_600_000;
        let at = now();
        let record = Record { stale_until: at - HOUR + 9_000, ..json("1", at - HOUR + 400) };
        assert_eq!(slow.set_many(vec![write("a", record)], at - HOUR).await, vec![Ok(true)]);
        let Answer::Found { record, known_ttl: true } =
            fast.get_many(&[key("a")], now() + HOUR).await.unwrap().remove(0)
        else {
            panic!()
        };
        assert!(
            record.deadline.abs_diff(at + HOUR + 400) <= 300,
            "{} for {}",
            record.deadline,
            at + HOUR + 400
        );
        assert!(record.stale_until.abs_diff(at + HOUR + 9_000) <= 300);
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        let Answer::Found { record, .. } = fast.get_many(&[key("a")], now() + HOUR).await.unwrap().remove(0)
        else {
            panic!("the key covers its stale window")
        };
        assert!(!record.is_fresh(now() + HOUR) && record.stale_until > now() + HOUR);
        let left = aside(move || server.say(&["PTTL", "t:a"])).await;
        assert!(matches!(left, Value::Int(7_500..=8_500)), "{left:?}");
    });
}

#[test]
fn what_redis_returns_is_not_expired_by_our_clock() {
    run(async {
        let server = aside(Server::start).await;
        let link = open(config(&[server.url()])).await.0;
        let at = now();
        link.set_many(vec![write("a", json("1", at + 5_000))], at).await;
        let server = aside(move || {
            // its time is over, yet the server keeps it
            assert_eq!(server.text(&["PERSIST", "t:a"]), "1");
            server
        })
        .await;
        let Answer::Found { record, .. } = link.get_many(&[key("a")], at + 20_000).await.unwrap().remove(0)
        else {
            panic!()
        };
        assert!(record.is_fresh(at + 20_000));
        aside(move || drop(server)).await;
    });
}

#[test]
fn calls_before_the_first_answer_wait_for_it_and_know_its_clock() {
    run(async {
        let server = aside(Server::start).await;
        for plain in [false, true] {
            let options = sluice_io::redis::Config { plain, ..config(&[server.url()]) };
            let link = sluice_io::redis::Link::new(
                options.clone(),
                std::sync::Arc::new(crate::witness::Witness::default()),
            );
            const DAY: u64 = 86_400_000;
            let at = now() + DAY;
            let connected = tokio::spawn({
                let link = link.clone();
                async move { link.connect().await }
            });
            tokio::task::yield_now().await;
            assert_eq!(link.set_many(vec![write("a", json("1", at + 5_000))], at).await, vec![Ok(true)]);
            connected.await.unwrap();
            let other = open(options).await.0;
            let Answer::Found { record, .. } = get(&other, "a").await else { panic!() };
            let off = record.deadline as i64 - (at - DAY + 5_000) as i64;
            assert!(off.abs() < 3_000, "plain {plain}: {off} ms off");
        }
        aside(move || drop(server)).await;
    });
}
