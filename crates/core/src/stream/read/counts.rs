//! Token counts over a stream: of each field the last that is not zero.

use super::Emit;
use crate::json::{Bad, Cursor};
use crate::stream::{Delta, Usage};

/// What was counted so far, and what of it was passed on.
#[derive(Debug, Default)]
pub(super) struct Counts {
    usage: Usage,
    is_given: bool,
    told: Option<Usage>,
}

impl Counts {
    /// The provider gives counts: where to put them.
    pub fn given(&mut self) -> &mut Usage {
        self.is_given = true;
        &mut self.usage
    }

    /// Passes the counts on when they changed.
    #[inline]
    pub fn tell(&mut self, emit: &mut Emit<'_>) {
        self.tell_as(|usage| usage, emit);
    }

    /// Passes the counts on when they changed, in common terms where the provider counts otherwise.
    #[inline]
    pub fn tell_as(&mut self, common: impl Fn(Usage) -> Usage, emit: &mut Emit<'_>) {
        if self.is_given && self.told != Some(self.usage) {
            self.told = Some(self.usage);
            emit(Delta::Usage(common(self.usage)));
        }
    }
}

/// Reads a count; 0, and what is none, leaves an earlier value alone.
pub(super) fn read_count(cursor: &mut Cursor<'_>, value: &mut u64) -> Result<(), Bad> {
    if let Some(count) = cursor.whole()?.filter(|&count| count != 0) {
        *value = count;
    }
    Ok(())
}

/// Reads a count that is a member of an object.
pub(super) fn read_count_in(cursor: &mut Cursor<'_>, name: &[u8], value: &mut u64) -> Result<(), Bad> {
    if cursor.object()? {
        while let Some(key) = cursor.next_key()? {
            if key == name {
                read_count(cursor, value)?;
            } else {
                cursor.skip()?;
            }
        }
    }
    Ok(())
}
