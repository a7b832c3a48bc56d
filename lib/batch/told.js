'use strict';
// What the machine says, one method for each action. No code but ours runs in here: what is anybody's is left for later.
const { make } = require('../errors');
const { Batch } = require('./batch');
const { discard } = require('./ending');
const { STATE } = require('./entry');
const { letterOf, textOf } = require('./letters');

class Told {
  #flow;

  constructor(flow) {
    this.#flow = flow;
  }

  dispatch(number, laneNumber, reason, attempt, count, ids) {
    const flow = this.#flow;
    const lane = flow.lanes.at(laneNumber);
    const entries = ids === undefined ? lane.take(count) : ids.map((id) => this.#leaves(id));
    for (let at = 0; at < entries.length; at += 1) entries[at].state = STATE.AWAY;
    const batch = new Batch(flow, number, lane.group, reason, attempt, entries);
    if (flow.config.handlerTimeoutMs > 0) batch.deadline = flow.now() + flow.config.handlerTimeoutMs;
    flow.batches[number] = batch;
    flow.flying += 1;
    flow.handed += count;
    flow.later(batch);
  }
  #leaves(id) {
    const entry = this.#flow.left.get(id);
    this.#flow.left.delete(id);
    return entry;
  }
  timedOut(number) {
    const batch = this.#flow.batches[number];
    // its end is being told: more failures than one crossing holds
    if (batch === undefined) return;
    this.#flow.later(() => batch.timeOut(this.#flow.config.handlerTimeoutMs));
  }
  dead(id, attempts, isKept, evictedId) {
    const flow = this.#flow;
    const entry = this.#leaves(id);
    const { error } = entry;
    const [text, died] = [textOf(error), Date.now()];
    entry.state = STATE.DEAD;
    entry.attempts = attempts;
    entry.error = undefined;
    if (flow.claims !== undefined) flow.claims.failed(entry, error);
    if (flow.log !== undefined && isKept) flow.log.bury(entry, attempts, text, died);
    if (flow.log !== undefined && !isKept) flow.log.forget(entry);
    if (isKept) flow.letters.put(entry, text, died);
    entry.fail(error);
    flow.notify('deadLetter', () => [letterOf(entry, flow.itemOf(entry), text, died)]);
    if (evictedId !== 0) flow.evict(evictedId);
  }
  dropped(id, laneNumber) {
    const flow = this.#flow;
    const entry = flow.find(id, laneNumber);
    discard(flow, entry, make('BufferFull', { what: flow.what, detail: 'the item was dropped for a newer one' }));
    flow.notify('dropped', () => [flow.itemOf(entry), 'overflow']);
  }
  refused(id, laneNumber) {
    discard(this.#flow, this.#flow.find(id, laneNumber), this.#flow.full());
  }
  admitted(through) {
    const flow = this.#flow;
    for (const [id, entry] of flow.roomless) {
      if (id > through) break;
      flow.roomless.delete(id);
      flow.findsRoom(entry);
    }
  }
  flushed(ticket) {
    for (const resolve of this.#flow.flushes.get(ticket) ?? []) resolve();
    this.#flow.flushes.delete(ticket);
  }
  closed() {
    this.#flow.later(() => this.#flow.onClosed());
  }
  water(event) {
    this.#flow.notify(event, () => [this.#flow.status()]);
  }
  forgetLane(number) {
    this.#flow.lanes.forget(number);
  }
  listed(id, laneNumber) {
    const flow = this.#flow;
    if (flow.taking === undefined) return;
    flow.taking.push(flow.left.get(id) ?? flow.lanes.at(laneNumber).take(1)[0]);
  }
}

module.exports = { Told };
