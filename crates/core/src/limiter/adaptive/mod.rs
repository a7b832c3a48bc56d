//! The adaptive limiter: a sliding window, a concurrency limit, or both, of which one may learn.

mod adjust;
mod books;
mod capacity;
pub mod cells;
mod gradient;
mod limiter;
mod members;
mod supply;
mod types;
mod window;

pub use adjust::Adjuster;
pub use books::{Books, Interval};
pub use cells::Cells;
pub use limiter::Limiter;
pub use supply::Supply;
pub use types::*;
pub use window::Window;
