//! The batch buffer in the hands of `lib/batch`.

mod log;
mod seen;
