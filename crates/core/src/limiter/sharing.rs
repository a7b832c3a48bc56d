//! An adaptive limiter whose window's permits Redis gives out: before and behind each crossing its `Node` and its window
//! are told of each other.

use super::Millis;
use super::adaptive::{Limiter, MemberId};
use super::lease::{Node, Request, Terms};

/// Enters what was spent, and lets the window have what the node holds by now.
pub fn before(limiter: &mut Limiter, member: MemberId, node: &mut Node, terms: &Terms, now: Millis) {
    limiter.pass(member, now);
    supplied(limiter, member, node, terms, now);
}
/// Enters what was spent, and what Redis is to be asked, unless it is away.
pub fn behind(
    limiter: &mut Limiter,
    member: MemberId,
    node: &mut Node,
    terms: &Terms,
    away: bool,
    now: Millis,
) -> Option<Request> {
    node.spend(limiter.drawn(), terms, now);
    node.turn_away(limiter.lacked(), terms);
    let waiting = limiter.wanted().min(terms.limit);
    let is_wanted = node.wants(now) || is_short(limiter, node, now);
    let request = match (away, is_wanted) {
        (true, _) => None,
        (_, true) => node.ask(waiting, terms, now),
        _ if node.should_ask(now) => node.settle(terms, now),
        _ => None,
    };
    supplied(limiter, member, node, terms, now);
    request
}
/// When to look again for those who wait: at the end of a refusal, or of a lease that is too small for the first of them.
pub fn wake_at(limiter: &Limiter, node: &Node, now: Millis) -> Option<Millis> {
    let at = if node.held(now) > 0 { node.until() } else { node.rests_until() };
    (limiter.wanted() > 0 && at > now).then_some(at)
}
fn is_short(limiter: &Limiter, node: &Node, now: Millis) -> bool {
    limiter.wanted() > 0 && now >= node.rests_until() && node.held(now) == 0
}
fn supplied(limiter: &mut Limiter, member: MemberId, node: &mut Node, terms: &Terms, now: Millis) {
    node.spend(limiter.drawn(), terms, now);
    limiter.supply(member, node.supply(terms, now), now);
    // what those took who could go now
    node.spend(limiter.drawn(), terms, now);
}
