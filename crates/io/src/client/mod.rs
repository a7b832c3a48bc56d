//! An injected client as the Redis tier: what is not a command. The commands are sent from JavaScript, so that their
//! promises settle in microtasks.

pub mod scripts;
mod value;
mod watch;

pub use value::{decode, encode};
pub use watch::{Watch, owner};
