//! What is due leaves on the I/O thread: all that has gathered by then in one packet, while others are away.

use super::{Due, Event, Shared, Ticket};
use crate::outage::Outage;
use crate::redis::{Link, State, Take};
use sluice_core::error::Error;
use sluice_core::limiter::lease::{Answer, Terms};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

/// Requests of one packet.
pub(super) const AT_ONCE: usize = 512;
/// Answers that are entered in one hold of the lock, for the sake of who checks meanwhile.
const ENTERED: usize = 64;

/// A lease that ends by native time.
struct Lapse {
    at: Instant,
    ticket: Ticket,
}

/// Until it is closed, or nobody has it any more.
pub(super) async fn run(shared: Arc<Shared>, link: Arc<Link>, outage: Arc<Outage>) {
    let (granted, mut grants) = unbounded_channel::<Lapse>();
    let mut probing: Option<JoinHandle<()>> = None;
    let mut lapses: VecDeque<Lapse> = VecDeque::new();
    loop {
        let is_probing = probing.as_ref().is_some_and(|probe| !probe.is_finished());
        let probe_at = if link.state() == State::Up && !is_probing { outage.settles_at() } else { None };
        let wake = lapses.front().map(|lapse| lapse.at).into_iter().chain(probe_at).min();
        tokio::select! {
            () = shared.over.notified() => break,
            () = shared.stir.notified() => {}
            Some(lapse) = grants.recv() => {
                let place = lapses.partition_point(|before| before.at <= lapse.at);
                lapses.insert(place, lapse);
            }
            () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => {}
        }
        lapse(&shared, &mut lapses);
        if probe_at.is_some_and(|at| at <= Instant::now()) {
            probing = Some(tokio::spawn(probe(shared.clone(), link.clone(), outage.clone())));
        }
        send(&shared, &link, &outage, &granted);
    }
    link.close().await;
}
/// Asks everything that is due, without waiting for it.
fn send(shared: &Arc<Shared>, link: &Arc<Link>, outage: &Arc<Outage>, granted: &UnboundedSender<Lapse>) {
    loop {
        let due = {
            let mut held = shared.nodes.lock();
            let now = held.now();
            held.nodes.take_due(now, AT_ONCE)
        };
        if due.is_empty() {
            return;
        }
        let (shared, link, outage, granted) = (shared.clone(), link.clone(), outage.clone(), granted.clone());
        shared.away.fetch_add(1, Relaxed);
        tokio::spawn(async move {
            let began = Instant::now();
            let replies = ask(&shared, &link, &due).await;
            shared.away.fetch_sub(1, Relaxed);
            match replies.iter().find_map(|reply| reply.as_ref().err()) {
                Some(why) => outage.failed(why),
                None => outage.answered(began),
            }
            let leases = enter(&shared, due, replies, began);
            leases.into_iter().for_each(|lapse| drop(granted.send(lapse)));
        });
    }
}
async fn ask(shared: &Shared, link: &Link, due: &[Due]) -> Vec<Result<Answer, Error>> {
    let takes: Vec<Take> = due
        .iter()
        .map(|due| {
            let request = &due.request;
            let Terms { limit, window_ms, .. } = due.terms;
            let args = [limit, window_ms, request.want, request.debt, request.back, request.back_slice];
            Take { key: due.key.clone(), args }
        })
        .collect();
    let replies = link.take_permits(&takes, &shared.node).await;
    replies.into_iter().map(|reply| reply.map(answer_of)).collect()
}
/// The script's numbers, by name.
pub fn answer_of([granted, slice, lease_ms, retry_after_ms, used, nodes]: [u64; 6]) -> Answer {
    Answer { granted, slice, lease_ms, retry_after_ms, used, nodes }
}
/// What was answered; the leases that have to be looked at when they end.
fn enter(shared: &Shared, due: Vec<Due>, replies: Vec<Result<Answer, Error>>, began: Instant) -> Vec<Lapse> {
    let took_ms = began.elapsed().as_millis() as u64;
    let mut leases = Vec::new();
    let mut answered = due.into_iter().zip(replies).peekable();
    while answered.peek().is_some() {
        let mut held = shared.nodes.lock();
        for (due, reply) in answered.by_ref().take(ENTERED) {
            let now = due.at.saturating_add(took_ms);
            match reply {
                Ok(answer) => {
                    let lease = held.nodes.answered(due.ticket, &answer, now);
                    let end = |lease_ms| began + Duration::from_millis(lease_ms + 1);
                    leases.extend(lease.map(|lease_ms| Lapse { at: end(lease_ms), ticket: due.ticket }));
                }
                Err(_) => held.nodes.failed(due.ticket, now),
            }
        }
        let is_due = held.nodes.due_len() > 0;
        drop(held);
        if is_due {
            shared.stir.notify_one();
        }
    }
    shared.look();
    leases
}
/// Leases that are over: what is left of them goes back.
fn lapse(shared: &Shared, lapses: &mut VecDeque<Lapse>) {
    let now = Instant::now();
    while lapses.front().is_some_and(|lapse| lapse.at <= now) {
        let Some(lapse) = lapses.pop_front() else { return };
        if shared.is_sole {
            (shared.tell)(Event::Look);
        } else {
            shared.nodes.lock().nodes.lapsed(lapse.ticket);
        }
    }
}
/// Asks whether it is back, where nothing else does.
async fn probe(shared: Arc<Shared>, link: Arc<Link>, outage: Arc<Outage>) {
    let began = Instant::now();
    match link.health().await {
        Ok(()) => outage.answered(began),
        Err(why) => outage.failed(&why),
    }
    shared.stir.notify_one();
}
/// Tells what everything that is left has to say, once what is on its way has come back.
pub(super) async fn end(shared: Arc<Shared>, link: Arc<Link>) {
    let take = |is_last: bool| {
        let mut held = shared.nodes.lock();
        let now = held.now();
        let nodes = &mut held.nodes;
        if is_last {
            nodes.settle_all(now);
        }
        nodes.take_due(now, usize::MAX)
    };
    for is_last in [false, true] {
        for due in take(is_last).chunks(AT_ONCE) {
            let began = Instant::now();
            let replies = ask(&shared, &link, due).await;
            enter(&shared, due.to_vec(), replies, began);
        }
        while shared.away.load(Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
