'use strict';
// The state machine's numbers: arrivals go in, actions come out, one crossing for many. src/batch/machine.rs says how.
const native = require('../native');
const { fromNative } = require('../errors');
const L = require('./layout');

const { ACCOUNT, ADMIT_TO, ALIKE, ARRIVALS, AUX, AUX_SIZE, BUSY, ENDED, ENDED_SIZE, ENDINGS, INBOX, INBOX_SIZE } = L;
const { LEEWAY, LINGER, MORE, NEED, NEED_LANES, OUT, RESULT, STATS, TELL_AT, act, op } = L;

/** Numbers of the short actions, their kind among them. */
const LENGTHS = {
  [act.TIMED_OUT]: 2, [act.DROPPED]: 3, [act.REFUSED]: 3, [act.ADMITTED]: 2, [act.FLUSHED]: 2, [act.CLOSED]: 1, [act.HIGH_WATER]: 1, [act.DRAINED]: 1,
  [act.LANE_FORGOTTEN]: 2,
};

class Machine {
  #native;
  #shown;
  /** What is missing to a batch after its first item. */
  #whole;
  /** What actions are told to. */
  #flow;
  /** A DISPATCH whose names are still coming. */
  #named;

  constructor(settings, firstId, flow) {
    try {
      this.#native = native.batchOpen(settings, firstId);
      this.#shown = new Float64Array(native.batchNumbers(this.#native));
    } catch (error) {
      throw fromNative(error);
    }
    this.#flow = flow;
    this.#whole = settings.batchSize - 1;
    this.lastId = firstId - 1;
  }

  number(at) {
    return this.#shown[at];
  }
  /** Whether the next arrival finds room. */
  get hasRoom() {
    return this.lastId < this.#shown[ADMIT_TO];
  }

  /** Notes an item that comes: its id is then `lastId`; a timer rings at `ringsAt`. True: to be stepped at once. */
  arrive(lane, bytes, at, ringsAt) {
    const shown = this.#shown;
    const rows = shown[INBOX];
    const row = ARRIVALS + 5 * rows - 5;
    // like the one before it, as in a burst
    if (rows > 0 && shown[row + 2] === at && shown[row] === lane && shown[row + 1] === bytes && shown[row + 3] === -1 && shown[row + 4] < ALIKE) shown[row + 4] += 1;
    else this.#note(lane, bytes, at, -1);
    const id = (this.lastId += 1);
    if (id >= shown[TELL_AT]) return true;
    // it waits for room: what makes some is told at once
    if (id > shown[ADMIT_TO]) shown[LEEWAY] = 0;
    else if (shown[BUSY] === 0) {
      if (lane >= NEED_LANES) return true;
      const need = NEED + 2 * lane;
      const items = (shown[need] -= 1);
      const left = (shown[need + 1] -= bytes);
      if (items <= 0 || left <= 0) return true;
      // the first of its lane
      if (items === this.#whole && (shown[LINGER] === 0 || at + shown[LINGER] < ringsAt)) return true;
    }
    return shown[INBOX] === INBOX_SIZE;
  }

  /** Notes an item that a log had kept; the machine names it by its id. To be stepped. */
  recover(lane, bytes, at, attempts) {
    this.#note(lane, bytes, at, attempts);
    this.lastId += 1;
    return this.#shown[INBOX] === INBOX_SIZE;
  }
  #note(lane, bytes, at, attempts) {
    const shown = this.#shown;
    const row = ARRIVALS + 5 * shown[INBOX];
    shown[row] = lane;
    shown[row + 1] = bytes;
    shown[row + 2] = at;
    shown[row + 3] = attempts;
    shown[row + 4] = 1;
    shown[INBOX] += 1;
  }

  /** Crosses, and tells the flow of all actions; before them `heard` is told what the operation answers, which is returned. */
  step(operation, a, b, now, heard) {
    const shown = this.#shown;
    try {
      const length = native.batchStep(this.#native, operation, a, b, now);
      const result = shown[RESULT];
      if (heard !== undefined) heard(result);
      this.#read(length);
      while (shown[MORE] === 1) this.#read(native.batchStep(this.#native, op.STEP, 0, 0, now));
      return result;
    } catch (error) {
      throw fromNative(error);
    }
  }

  /** Notes a batch of so many items that has ended well. True: to be stepped at once. */
  ends(batch, items) {
    const shown = this.#shown;
    const count = shown[ENDINGS];
    shown[ENDED + count] = batch;
    shown[ENDINGS] = count + 1;
    const left = (shown[LEEWAY] -= items);
    return left < 0 || count + 1 === ENDED_SIZE;
  }
  /** There are such that the machine has not heard of. */
  get hasEndings() {
    return this.#shown[ENDINGS] > 0;
  }
  /** A batch ends otherwise; `failures` are `{ place, isRetryable, afterMs, random }`. */
  finish(batch, failures, now) {
    let count = 0;
    for (const failure of failures) {
      if (count === AUX_SIZE) {
        this.step(op.FAILURES, count, 0, now);
        count = 0;
      }
      this.#write(count, failure);
      count += 1;
    }
    return this.step(op.FINISH, batch, count, now);
  }
  /** An item that was taken ends. */
  settle(id, failure, now) {
    if (failure !== undefined) this.#write(0, failure);
    return this.step(op.SETTLE, id, failure === undefined ? 0 : 1, now) === 1;
  }
  /** A letter is queued again. */
  requeue(id, lane, bytes, now) {
    this.#shown[AUX] = bytes;
    return this.step(op.REQUEUE, id, lane, now) === 1;
  }
  #write(index, { place, isRetryable, afterMs, random }) {
    const at = AUX + 4 * index;
    this.#shown[at] = place;
    this.#shown[at + 1] = isRetryable ? 1 : 0;
    this.#shown[at + 2] = afterMs;
    this.#shown[at + 3] = random;
  }

  /** Other limits, of `settings` as `settingsOf` gives them. */
  update({ batchSize, batchTimeoutMs, concurrency, maxSize }, now) {
    this.#whole = batchSize - 1;
    this.#shown.set([batchSize, batchTimeoutMs, concurrency, maxSize], AUX);
    this.step(op.UPDATE, 0, 0, now);
  }

  stats() {
    return this.#six(STATS, L.STATS_NAMES);
  }
  account() {
    return this.#six(ACCOUNT, L.ACCOUNT_NAMES);
  }
  #six(from, names) {
    return Object.fromEntries(names.map((name, at) => [name, this.#shown[from + at]]));
  }

  #read(length) {
    const shown = this.#shown;
    const flow = this.#flow;
    let at = OUT;
    const end = OUT + length;
    while (at < end) {
      const kind = shown[at];
      if (kind === act.DISPATCH) {
        // as small integers: fields of doubles would be a box each
        const [batch, lane, attempt, count] = [shown[at + 1] | 0, shown[at + 2] | 0, shown[at + 4] | 0, shown[at + 5] | 0];
        const reason = L.REASONS[shown[at + 3]];
        if (shown[at + 6] === 0) flow.dispatch(batch, lane, reason, attempt, count, undefined);
        else this.#named = { batch, lane, reason, attempt, count, ids: [] };
        at += 7;
      } else if (kind === act.NAMES) {
        const count = shown[at + 1];
        at += 2;
        for (let index = 0; index < count; index += 1, at += 1) this.#name(shown[at]);
      } else if (kind === act.LISTED) {
        const count = shown[at + 1];
        at += 2;
        for (let index = 0; index < count; index += 1, at += 4) flow.listed(shown[at], shown[at + 1]);
      } else if (kind === act.DEAD) {
        flow.dead(shown[at + 1], shown[at + 2], shown[at + 3] === 1, shown[at + 4]);
        at += 5;
      } else {
        at += this.#readShort(kind, shown[at + 1], shown[at + 2]);
      }
    }
  }
  #name(id) {
    const named = this.#named;
    named.ids.push(id);
    if (named.ids.length < named.count) return;
    this.#named = undefined;
    this.#flow.dispatch(named.batch, named.lane, named.reason, named.attempt, named.count, named.ids);
  }
  /** An action of at most two numbers; returns its length. */
  #readShort(kind, first, second) {
    const flow = this.#flow;
    if (kind === act.TIMED_OUT) flow.timedOut(first);
    else if (kind === act.DROPPED) flow.dropped(first, second);
    else if (kind === act.REFUSED) flow.refused(first, second);
    else if (kind === act.ADMITTED) flow.admitted(first);
    else if (kind === act.FLUSHED) flow.flushed(first);
    else if (kind === act.CLOSED) flow.closed();
    else if (kind === act.HIGH_WATER) flow.water('highWater');
    else if (kind === act.DRAINED) flow.water('drained');
    else if (kind === act.LANE_FORGOTTEN) flow.forgetLane(first);
    else throw new Error(`no action is ${kind}`);
    return LENGTHS[kind];
  }
}

module.exports = { Machine };
