//! Files that may not grow, in processes of their own; what instances that share a file store anew.

use crate::common::*;
use crate::log_files::*;
use sluice_core::error::Kind;
use sluice_io::log::{Change, Event, Options};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Two instances of one name when their file is retired: what one has yet to store anew is not the other's.
pub fn namesakes(folder: &Path) {
    sluice_io::log::look_every(Duration::from_millis(20));
    let held = [(); 2].map(|()| open(&options(folder), "mail").0);
    let [mut one, mut two] = held.map(|held| Instance { held, live: BTreeMap::new() });
    for (instance, item) in [(&mut one, "first"), (&mut two, "second")] {
        let seq = instance.held.accept(&[item])[0];
        instance.live.insert(seq, item.into());
    }
    assert_eq!(one.fill(BULK).kind, Kind::StoreIo);
    [&one, &two].iter().for_each(|one| assert_eq!(one.held.degraded().kind, Kind::StoreIo));
    one.settle_in_memory(3);
    one.reopen();
    std::thread::sleep(Duration::from_millis(200));
    one.held.no_event();
    assert_eq!(names(folder).into_iter().filter(|name| name.ends_with(".redb")).count(), 2);
    two.reopen();
    until("the retired file is deleted", || {
        names(folder).into_iter().filter(|name| name.ends_with(".redb")).count() == 1
    });
    two.held.close();
    one.live.extend(two.live.into_iter().map(|(seq, item)| (seq + (1 << 40), item)));
    let live = one.live.len();
    // which it does not take over before it looks
    one.check(folder);
    say(format!("{live} left"));
}

fn limited(role: &str, folder: &Folder) -> String {
    // the signal must be ignored from before the start; the limit is of each file
    let script = "trap '' XFSZ; ulimit -f 8000; exec \"$0\" --exact child --nocapture --test-threads=1";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("SLUICE_ROLE", role)
        .env("SLUICE_FOLDER", &folder.0)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    text
}
#[test]
fn a_file_that_may_not_grow_is_retired_again_and_again() {
    let folder = Folder::new();
    let text = limited("limited", &folder);
    assert!(text.contains("::10 left"), "{text}");
}

#[test]
fn instances_of_one_name_store_anew_each_for_itself() {
    let folder = Folder::new();
    let text = limited("namesakes", &folder);
    assert!(text.contains("::4 left"), "{text}");
}

#[test]
fn two_instances_store_anew_what_each_has() {
    let folder = Folder::new();
    sluice_io::log::look_every(Duration::from_millis(50));
    let options = Options { path: folder.file("log"), ..folder.options() };
    std::fs::create_dir(&options.path).unwrap();
    let (first, _) = open(&options, "mail");
    let (second, _) = open(&options, "sms");
    let (gone, _) = open(&options, "fax");
    let one = first.accept(&["1", "2"]);
    let two = second.accept(&["3"]);
    gone.accept(&["4"]);
    gone.close();
    // the file goes, its directory and locks stay
    std::fs::rename(folder.file("log/sluice-1.redb"), folder.file("log/away")).unwrap();
    assert_eq!(first.degraded().kind, Kind::StoreIo);
    assert_eq!(second.degraded().kind, Kind::StoreIo);
    until("it opens", || {
        let _ = first.submit(Vec::new());
        std::thread::sleep(Duration::from_millis(20));
        matches!(first.events.lock().unwrap().try_recv(), Ok(Event::Reopened))
    });
    assert!(matches!(second.event(), Event::Reopened));
    let letter = Change::Bury { queue: "".into(), seq: one[1], attempts: 2, error: "no".into(), died: NOW };
    first.resubmit(vec![accept(row(one[0], "1")), accept(row(one[1], "2")), letter]).unwrap();
    second.resubmit(vec![accept(row(two[0], "3"))]).unwrap();
    first.close();
    second.close();
    let (first, recovered) = open(&options, "mail");
    assert_eq!((items(&recovered).len(), recovered.letters.len()), (1, 1));
    let (second, recovered) = open(&options, "sms");
    assert_eq!(items(&recovered), ["3"]);
    first.close();
    second.close();
}
