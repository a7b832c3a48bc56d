//! The batch buffer, for `lib/batch/`.

mod layout;
mod machine;
