//! The batch buffer in the hands of `lib/batch`.

mod claims;
mod layout;
mod log;
mod machine;
mod numbers;
mod publish;
mod seen;
