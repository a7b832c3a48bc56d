//! The batch buffer in the hands of `lib/batch`.

mod layout;
mod log;
mod machine;
mod seen;
