//! The batch buffer: every decision about items that wait, leave, fail and are tried again, without the items. See
//! docs/design/batch.md.

mod buffer;
pub mod claim;
mod clock;
mod decide;
mod flight;
mod flush;
mod lane;
mod letters;
mod queue;
mod retry;
mod seen;
mod settle;
mod status;
mod types;

pub use buffer::Buffer;
pub use seen::{Claim, Seen, Slot};
pub use types::{
    Account, Action, Arrival, Backoff, BatchId, Config, Failure, Id, Lane, Limits, Listed, Millis, Need,
    Overflow, Reason, Stats, Status, Ticket,
};
