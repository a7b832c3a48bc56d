//! What redb and the system say, as our errors.

use sluice_core::error::{Error, Kind};
use std::fmt::Display;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The store cannot be used.
pub(super) fn io(path: &Path, detail: impl Display) -> Error {
    Error::new(Kind::StoreIo).with("path", path.display().to_string()).with("detail", detail.to_string())
}
/// The store holds what nobody wrote. Who sets it aside says where it is kept.
pub(super) fn corrupt(path: &Path, detail: impl Display) -> Error {
    Error::new(Kind::StoreCorrupt).with("path", path.display().to_string()).with("detail", detail.to_string())
}
/// Tells a damaged file from one that cannot be read or written.
pub(super) fn of(path: &Path, error: impl Into<redb::Error>) -> Error {
    use redb::Error as Redb;
    match error.into() {
        // what a damaged file points at may lie beyond its end; redb's magic number is missing
        Redb::Io(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) => {
            corrupt(path, error)
        }
        Redb::Io(error) => io(path, error),
        error @ (Redb::Corrupted(_)
        | Redb::UpgradeRequired(_)
        | Redb::RepairAborted
        | Redb::TableTypeMismatch { .. }
        | Redb::TableIsMultimap(_)
        | Redb::TableIsNotMultimap(_)
        | Redb::TypeDefinitionChanged { .. }
        | Redb::TableDoesNotExist(_)) => corrupt(path, error),
        error => io(path, error),
    }
}
/// Runs what calls redb: it may panic over a damaged file.
pub(super) fn contain<T>(path: &Path, run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| Err(corrupt(path, said(payload.as_ref()))))
}
/// What a panic said.
pub(super) fn said(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

/// Why something of redb's did not work, before it has its path.
#[derive(Debug)]
pub(super) enum Fail {
    Redb(redb::Error),
    /// What is damaged.
    Damaged(&'static str),
}
macro_rules! from_redb {
    ($($error:ident),+) => { $(impl From<redb::$error> for Fail {
        fn from(error: redb::$error) -> Self {
            Self::Redb(error.into())
        }
    })+ };
}
from_redb!(StorageError, TableError, TransactionError, CommitError, DatabaseError, SetDurabilityError);
impl Fail {
    pub(super) fn at(self, path: &Path) -> Error {
        match self {
            Self::Redb(error) => of(path, error),
            Self::Damaged(what) => corrupt(path, format_args!("{what} is damaged")),
        }
    }
}
