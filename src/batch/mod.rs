//! The batch buffer in the hands of `lib/batch`.

mod claims;
mod log;
mod seen;
