//! The batch buffer: its log, for `lib/batch/durable.js`.

mod log;
