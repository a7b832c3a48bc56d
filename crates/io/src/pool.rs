//! The CPU pool: a few threads of the process for work that would hold an event loop up. They start with the
//! first job, end after a while without one, and hold nothing of JavaScript.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}
static STATE: Mutex<State> = Mutex::new(State { jobs: VecDeque::new(), threads: 0, idle: 0 });
static WORK: Condvar = Condvar::new();
const LINGER: Duration = Duration::from_secs(10);

fn max_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get()).clamp(1, 4)
}

/// Runs a job on a thread of the pool, in the order of the calls. A job tells its owner itself how it ended; when
/// no thread can be started at all it runs at once, on the caller's.
pub fn spawn(job: impl FnOnce() + Send + 'static) {
    let mut state = STATE.lock();
    state.jobs.push_back(Box::new(job));
    if state.idle >= state.jobs.len() {
        WORK.notify_one();
    } else if state.threads < max_threads() {
        state.threads += 1;
        let started = std::thread::Builder::new().name("sluice-pool".into()).spawn(work);
        if started.is_err() {
            state.threads -= 1;
            if state.threads == 0 {
                let jobs = std::mem::take(&mut state.jobs);
                drop(state);
                jobs.into_iter().for_each(run);
            }
        }
    }
}

fn run(job: Job) {
    // a job contains its own panics so as to report them; this keeps the thread for the next one all the same
    let _ = catch_unwind(AssertUnwindSafe(job));
}

fn work() {
    let mut state = STATE.lock();
    loop {
        if let Some(job) = state.jobs.pop_front() {
            drop(state);
            run(job);
            state = STATE.lock();
            continue;
        }
        state.idle += 1;
        let timed_out = WORK.wait_for(&mut state, LINGER).timed_out();
        state.idle -= 1;
        if timed_out && state.jobs.is_empty() {
            state.threads -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn jobs_run_and_a_panic_takes_no_thread() {
        let (sender, receiver) = channel();
        for index in 0..1000 {
            let sender = sender.clone();
            spawn(move || {
                sender.send(index).unwrap();
                if index % 7 == 0 {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
            });
        }
        let mut seen: Vec<u32> = receiver.iter().take(1000).collect();
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(0..1000));
        assert!(STATE.lock().threads <= max_threads());
    }
}
