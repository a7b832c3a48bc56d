//! What the processes do that are killed: accept and settle as fast as they can.

use crate::log_files::*;
use sluice_core::error::Error;
use sluice_io::log::{Change, Event, Options, Queue, Seq};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Accepts and settles as fast as it can, and says so, until it is told to stop.
pub fn work(options: &Options, name: &str) {
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
