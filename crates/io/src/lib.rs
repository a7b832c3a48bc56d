//! The world around the engines: worker threads and, as engines need them, sockets and disks. No Node.js here.

pub mod inflate;
pub mod pool;
