//! The JSON file in which the services kept their own queue.

use super::adopt::{adopted, give, renumbered};
use super::directory::checkpoint;
use super::keeper::Keeper;
use super::queue::{Event, Hold, Recovered};
use super::row::{Change, Row, Seq, Tag};
use super::{lock, notes, store};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_core::cache;
use sluice_core::error::{Error, Kind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

const JSON: Tag = cache::Tag::Json as Tag;

/// What some services wrote: the list with figures beside it.
#[derive(Deserialize)]
struct Buffer<'a> {
    #[serde(borrow)]
    buffer: Vec<Item<'a>>,
}
/// Its `id` was made up by the service and is nobody's idempotency key: it is left out.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    timestamp: Option<&'a RawValue>,
    #[serde(rename = "retryCount")]
    retry_count: Option<&'a RawValue>,
}

/// The rows of such a text, in its order, numbered from `first`. What has no readable time came `now`.
pub(super) fn parse(text: &[u8], now: u64, first: Seq) -> Result<Vec<Row>, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let items: Vec<Item> = match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => serde_json::from_slice(text),
        _ => serde_json::from_slice::<Buffer>(text).map(|file| file.buffer),
    }
    .map_err(|error| error.to_string())?;
    let row = |(item, seq): (Item<'_>, Seq)| Row {
        seq,
        at: item.timestamp.and_then(|raw| time_of(raw.get())).unwrap_or(now),
        attempts: item.retry_count.and_then(|raw| count_of(raw.get())).unwrap_or(0),
        key: None,
        tag: JSON,
        payload: Bytes::copy_from_slice(item.data.map_or("null", RawValue::get).as_bytes()),
    };
    Ok(items.into_iter().zip(first..).map(row).collect())
}
/// Milliseconds since 1970, from a number of them or an ISO text.
fn time_of(raw: &str) -> Option<u64> {
    if let Ok(text) = serde_json::from_str::<String>(raw) {
        let time = OffsetDateTime::parse(&text, &Iso8601::PARSING).ok()?;
        return u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok();
    }
    let number: f64 = serde_json::from_str(raw).ok()?;
    // the range of a JavaScript date
    (0.0..=8.64e15).contains(&number).then_some(number as u64)
}
fn count_of(raw: &str) -> Option<u32> {
    let number: f64 = serde_json::from_str(raw).ok()?;
    (number >= 0.0).then_some(number as u32)
}

/// A file to import: what it is, so that it is known again after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// Its length and when it was written.
    pub(super) mark: String,
}
impl Source {
    /// None: there is no such file.
    pub(super) fn find(path: &Path) -> std::io::Result<Option<Self>> {
        let found = match path.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        let written = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        // one name however it was spelt, for the note
        let path = path.canonicalize()?;
        Ok(Some(Self { path, mark: format!("{} {}", found.len(), written.as_nanos()) }))
    }
    /// Out of the way: nobody imports it again.
    pub(super) fn rename(&self) -> std::io::Result<()> {
        let name = |turn: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(".imported");
            if turn > 1 {
                name.push(format!("-{turn}"));
            }
            PathBuf::from(name)
        };
        let free = (1..100_000).map(name).find(|path| !path.exists());
        let free = free.ok_or_else(|| std::io::Error::other("too many imported files are kept beside it"))?;
        std::fs::rename(&self.path, free)?;
        // for good, before the note of it goes; who cannot sync a directory has done it all the same
        let _ = store::sync_dir(&self.path);
        Ok(())
    }
    /// Whether an import that a crash had cut short is through.
    pub(super) fn finish(&self) -> bool {
        match Self::find(&self.path) {
            Ok(Some(found)) if found == *self => self.rename().is_ok(),
            Ok(_) => true,
            Err(_) => false,
        }
    }
}

impl Keeper {
    /// Takes the services' own file in, once.
    pub(super) fn import(&mut self, hold: &Arc<Hold>) -> Result<(), Error> {
        let Some(path) = hold.standing.lock().import.take() else { return Ok(()) };
        let source = match Source::find(&path) {
            Ok(Some(source)) => source,
            Ok(None) => return Ok(()),
            Err(error) => {
                hold.tell(Event::Degraded(lock::unusable(&path, error)));
                return Ok(());
            }
        };
        // its rows are in a file already, and it could not be renamed
        if self.imported.contains(&source) {
            return Ok(());
        }
        let read = std::fs::read(&source.path).map_err(|error| lock::unusable(&path, error));
        let parsed = read.and_then(|text| {
            parse(&text, self.now(), 1).map_err(|detail| {
                Error::new(Kind::StoreCorrupt).with("path", path.display().to_string()).with("detail", detail)
            })
        });
        let rows = match parsed {
            Ok(rows) => rows,
            Err(why) => {
                hold.tell(Event::Degraded(why));
                return Ok(());
            }
        };
        let mut all = renumbered(Recovered { rows, ..Recovered::default() }, hold);
        let stored = self.commit(vec![adopted(&all, hold), notes::imported(&source)]);
        if let Err(why) = stored {
            // the file is still there for the next time
            hold.standing.lock().import = Some(path);
            return Err(why);
        }
        checkpoint("imported");
        let mut after = vec![notes::none(&notes::import_name(&source))];
        if let Err(error) = source.rename() {
            // another process could not know that it was taken in: it is not
            hold.tell(Event::Degraded(lock::unusable(&path, error)));
            let forget = |row: Row| Change::Forget { queue: hold.queue.clone(), seq: row.seq };
            after.extend(std::mem::take(&mut all.rows).into_iter().map(forget));
        }
        give(hold, all);
        self.commit(after).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(Seq, u64, u32, String)> {
        let rows = parse(text.as_bytes(), 99, 5).unwrap();
        assert!(rows.iter().all(|row| row.key.is_none() && row.tag == 0));
        rows.into_iter()
            .map(|row| (row.seq, row.at, row.attempts, String::from_utf8(row.payload.to_vec()).unwrap()))
            .collect()
    }

    #[test]
    fn both_forms_are_read_in_order() {
        let list = r#"[{"id":"a","data":{"n": 1e2, "t":"\ud800"},"timestamp":1700000000123,"retryCount":2},
            {"id":7,"data":"x","timestamp":"2024-02-29T12:00:00.5Z","retryCount":0,"more":[{}]}]"#;
        let expected = vec![
            (5, 1_700_000_000_123, 2, r#"{"n": 1e2, "t":"\ud800"}"#.to_owned()),
            (6, 1_709_208_000_500, 0, "\"x\"".to_owned()),
        ];
        assert_eq!(rows(list), expected);
        assert_eq!(
            rows(&format!("\u{feff} {{\"stats\":{{\"n\":1}},\"buffer\":{list},\"timestamp\":1}}\n")),
            expected
        );
        assert_eq!(rows("[]"), []);
        assert_eq!(rows(r#"{"buffer":[]}"#), []);
    }

    #[test]
    fn what_is_missing_or_odd_takes_its_default() {
        assert_eq!(rows(r#"[{"id":"a"}]"#), [(5, 99, 0, "null".to_owned())]);
        for (timestamp, at) in [
            ("null", 99),
            ("-1", 99),
            ("1e300", 99),
            ("12.9", 12),
            ("\"1999-12-31T23:59:59+02:00\"", 946_677_599_000),
            ("\"2024-02-30T00:00:00Z\"", 99),
            ("\"1969-01-01T00:00:00Z\"", 99),
            ("\"yesterday\"", 99),
            ("{}", 99),
        ] {
            let text = format!(r#"[{{"data":1,"timestamp":{timestamp}}}]"#);
            assert_eq!(rows(&text), [(5, at, 0, "1".to_owned())], "{timestamp}");
        }
        for (count, attempts) in [("3.7", 3), ("-1", 0), ("1e30", u32::MAX), ("\"3\"", 0), ("null", 0)] {
            let text = format!(r#"[{{"data":1,"retryCount":{count}}}]"#);
            assert_eq!(rows(&text), [(5, 99, attempts, "1".to_owned())], "{count}");
        }
    }

    #[test]
    fn damaged_files_are_refused_as_a_whole() {
        let deep = "[".repeat(1_000_000);
        for text in [
            "",
            " ",
            "null",
            "7",
            "{}",
            "[1]",
            "[null]",
            "[{\"data\":1}",
            "[{\"data\":1}] x",
            "{\"buffer\":1}",
            "[{\"data\":nul}]",
            "{\"buffer\":[{\"data\":1}]",
            &deep,
        ] {
            assert!(parse(text.as_bytes(), 0, 1).is_err(), "{}", &text[..text.len().min(40)]);
        }
        assert!(parse(b"[{\"data\":\"\xff\"}]", 0, 1).is_err());
    }
}
