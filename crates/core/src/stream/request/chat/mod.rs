//! OpenAI chat completions, and the many that speak like it.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{read, read_audio, read_choice, read_file, read_json_schema, read_tool};
pub use write::write;

/// Fields that chat and responses share under one name, and no other dialect has: hints and bookkeeping.
pub const SHARED: [&str; 7] = [
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "verbosity",
];
