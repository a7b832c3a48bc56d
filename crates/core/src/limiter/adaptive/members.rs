//! The threads: what each has in hand, who waits in each, and whose turn it is. Those who wait stand in line in their thread
//! (lib/limiter/line.js), first come, first served; here a thread is known by how many of its first want the same weight.

use super::super::Millis;
use super::types::{Event, MemberId, Report};
use std::collections::{BTreeMap, VecDeque};

/// Adjustments are news only: a thread that hears nothing for long misses some.
const MAX_UNHEARD: usize = 1024;

#[derive(Debug, Default)]
struct Member {
    held: u64,
    /// So many of its first want `weight` each.
    first: u64,
    weight: u64,
    /// All that wait, but for those whose turn has come.
    waiting: u64,
    /// All that stand in its line.
    stood: u64,
    /// What all of them want.
    wanted: u64,
    /// Those whose turn has come and who have not heard of it, and their weight.
    untold: u64,
    untold_weight: u64,
    events: VecDeque<Event>,
    /// When it means to look again by itself.
    wakes: Option<Millis>,
}

/// All threads of a limiter.
#[derive(Debug, Default)]
pub(super) struct Members {
    members: BTreeMap<MemberId, Member>,
    last: MemberId,
    /// The threads with somebody who waits, in turn.
    line: VecDeque<MemberId>,
}
impl Members {
    pub(super) fn join(&mut self) -> MemberId {
        self.last = self.last.wrapping_add(1);
        self.members.insert(self.last, Member::default());
        self.last
    }
    /// A thread has ended: how much of what is in flight was in its hands.
    pub(super) fn leave(&mut self, member: MemberId) -> u64 {
        self.line.retain(|&one| one != member);
        self.members.remove(&member).map_or(0, |left| left.held.saturating_add(left.untold_weight))
    }
    /// Takes over what a thread says of itself; those who are granted and do not know yet still wait to its mind.
    pub(super) fn report(&mut self, id: MemberId, report: &Report) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.held = report.held;
        member.weight = report.weight;
        member.first = report.first.saturating_sub(member.untold);
        member.waiting = report.waiting.saturating_sub(member.untold);
        member.stood = report.waiting;
        member.wanted = report.wanted.saturating_sub(member.untold_weight);
        let stands = member.first > 0;
        match self.line.iter().position(|&one| one == id) {
            None if stands => self.line.push_back(id),
            Some(place) if !stands => {
                self.line.remove(place);
            }
            _ => {}
        }
    }
    /// Somebody joins a thread's line, in which nobody else stands.
    pub(super) fn wait(&mut self, id: MemberId, weight: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        (member.first, member.weight, member.waiting, member.wanted) = (1, weight, 1, weight);
        self.line.push_back(id);
    }

    /// The weight of who is next.
    pub(super) fn next(&self) -> Option<u64> {
        self.line.front().and_then(|id| self.members.get(id)).map(|member| member.weight)
    }
    /// The turn of who is next has come; then it is another thread's.
    pub(super) fn grant(&mut self) {
        let Some(id) = self.line.pop_front() else { return };
        let Some(member) = self.members.get_mut(&id) else { return };
        let weight = member.weight;
        member.first = member.first.saturating_sub(1);
        member.waiting = member.waiting.saturating_sub(1);
        member.wanted = member.wanted.saturating_sub(weight);
        member.untold += 1;
        member.untold_weight = member.untold_weight.saturating_add(weight);
        match member.events.back_mut() {
            Some(Event::Granted { weight: same, count }) if *same == weight => *count += 1,
            _ => member.events.push_back(Event::Granted { weight, count: 1 }),
        }
        if member.first > 0 {
            self.line.push_back(id);
        }
    }
    /// In how many threads somebody waits, or may: one that has not heard of a grant may have more of them than it said, but
    /// not the one that hears now what there is.
    pub(super) fn waiting(&self, hears: Option<MemberId>) -> usize {
        let waits = |&(&id, member): &(&MemberId, &Member)| {
            member.waiting > 0 || (member.untold > 0 && hears != Some(id))
        };
        self.members.iter().filter(waits).count()
    }

    pub(super) fn tell_all(&mut self, event: Event) {
        for member in self.members.values_mut().filter(|member| member.events.len() < MAX_UNHEARD) {
            member.events.push_back(event);
        }
    }
    pub(super) fn event(&mut self, member: MemberId) -> Option<Event> {
        let member = self.members.get_mut(&member)?;
        let event = member.events.pop_front()?;
        if let Event::Granted { weight, count } = event {
            member.untold = member.untold.saturating_sub(count);
            member.untold_weight = member.untold_weight.saturating_sub(weight.saturating_mul(count));
        }
        Some(event)
    }
    pub(super) fn has_events(&self, member: MemberId) -> bool {
        self.members.get(&member).is_some_and(|member| !member.events.is_empty())
    }
    /// The thread means to look again at that time, if somebody waits in it.
    pub(super) fn wake_at(&mut self, member: MemberId, at: Option<Millis>) -> Option<Millis> {
        let member = self.members.get_mut(&member)?;
        member.wakes = if member.waiting > 0 { at } else { None };
        member.wakes
    }
    /// The threads, but for this one, that have something to hear, or to wake for earlier than they know.
    pub(super) fn stirred(&self, but: MemberId, at: Option<Millis>) -> Vec<MemberId> {
        let earlier = |member: &Member| {
            member.waiting > 0 && at.is_some_and(|at| member.wakes.is_none_or(|wakes| at < wakes))
        };
        let others = self.members.iter().filter(|&(&id, _)| id != but);
        let stirred = others.filter(|(_, member)| !member.events.is_empty() || earlier(member));
        stirred.map(|(&id, _)| id).collect()
    }

    /// Weight in the hands of all threads.
    pub(super) fn held(&self) -> u64 {
        self.members.values().map(|member| member.held).fold(0, u64::saturating_add)
    }
    /// How many stood in a thread's line when it said so last.
    pub(super) fn stood(&self, member: MemberId) -> u64 {
        self.members.get(&member).map_or(0, |member| member.stood)
    }
    /// What those who wait want, as far as was said.
    pub(super) fn wanted(&self) -> u64 {
        self.members.values().map(|member| member.wanted).fold(0, u64::saturating_add)
    }
}
