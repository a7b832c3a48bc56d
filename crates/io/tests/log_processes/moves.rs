//! Crashes between the two commits of an adoption.

use crate::files::*;
use crate::log_files::*;
use crate::rounds;

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
