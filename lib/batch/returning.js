'use strict';
// What comes back from disk: items that an earlier process had accepted, and its dead letters.
const { STATE } = require('./entry');
const { op } = require('./layout');
const { groupOf } = require('./options');

class Returning {
  #flow;
  /** The age of what has come back last, as a moment. */
  #returnedAt = 0;
  #nextLetter = 1;

  constructor(flow) {
    this.#flow = flow;
  }

  /** It needs no room, and nobody waits for it. */
  restore(entry) {
    const flow = this.#flow;
    // never before the one that came before it, whatever the clocks say: it is handed over in this order
    const now = flow.now();
    const ageMs = Math.max(0, Date.now() - entry.row.at);
    this.#returnedAt = Math.max(this.#returnedAt, now - ageMs);
    entry.at = this.#returnedAt;
    entry.earlierMs = Math.max(0, ageMs - (now - entry.at));
    entry.lane = flow.lanes.of(entry.group);
    entry.state = STATE.BACK;
    const isDue = flow.machine.recover(entry.lane.number, entry.bytes, entry.at, entry.attempts);
    entry.id = flow.machine.lastId;
    flow.left.set(entry.id, entry);
    flow.accepted(entry);
    // `ready` steps for those of the opening; what comes later, from a dead owner or from Redis, for itself
    if (isDue || flow.log.isReady) flow.do(op.STEP);
  }

  /** A dead letter. */
  bury(entry, text, died) {
    const flow = this.#flow;
    entry.id = this.#nextLetter;
    this.#nextLetter += 1;
    entry.state = STATE.DEAD;
    flow.letters.put(entry, text, died);
    const evictedId = flow.cross(op.ADOPT_DEAD, entry.id);
    if (evictedId !== 0) flow.evict(evictedId);
    flow.act();
  }
}

/** The group of an item that comes back, where it can still be told. */
function regroup(flow, entry) {
  const { groupBy } = flow.config;
  if (groupBy === undefined) return;
  try {
    entry.group = groupOf(groupBy(flow.itemOf(entry)));
  } catch {
    entry.group = '';
  }
}

module.exports = { Returning, regroup };
