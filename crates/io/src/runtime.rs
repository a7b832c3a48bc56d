//! The I/O thread of the process: one current-thread runtime for sockets and native timers, shared by everything
//! that holds it, gone when nothing does.

use parking_lot::Mutex;
use sluice_core::error::{Error, Kind};
use std::future::Future;
use std::sync::{Arc, Weak};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A hold on the I/O thread.
pub struct Runtime {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
}
static RUNNING: Mutex<Weak<Runtime>> = Mutex::new(Weak::new());

impl Runtime {
    /// The I/O thread, started when there is none.
    pub fn get() -> Result<Arc<Self>, Error> {
        let mut running = RUNNING.lock();
        if let Some(runtime) = running.upgrade() {
            return Ok(runtime);
        }
        let failed = |error: std::io::Error| {
            Error::new(Kind::Internal).with("what", "the I/O thread").with("detail", error.to_string())
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("sluice-io".into())
            .spawn(move || {
                let _ = runtime.block_on(ended);
            })
            .map_err(failed)?;
        let held = Arc::new(Self { handle, end: Some(end) });
        *running = Arc::downgrade(&held);
        Ok(held)
    }
    /// Runs a task there; a panic in it ends that task only. Tasks do not outlive the last hold.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(task)
    }
}
impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_thread_serves_all_and_ends_with_the_last() {
        let first = Runtime::get().unwrap();
        let second = Runtime::get().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let (sender, receiver) = std::sync::mpsc::channel();
        first.spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            sender.send(std::thread::current().name().map(str::to_owned)).unwrap();
        });
        assert_eq!(receiver.recv().unwrap().as_deref(), Some("sluice-io"));
        let weak = Arc::downgrade(&first);
        drop((first, second));
        assert!(weak.upgrade().is_none());
    }
}
