//! The batch buffer's rules, one by one, with what is expected written down by hand.

#[path = "batch_rules/closing.rs"]
mod closing;
#[path = "batch_rules/driver.rs"]
mod driver;
#[path = "batch_rules/room.rs"]
mod room;
#[path = "batch_rules/tries.rs"]
mod tries;
#[path = "batch_rules/triggers.rs"]
mod triggers;
