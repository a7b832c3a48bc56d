'use strict';
// What the suite of the machine's door drives it with: steps as the shell takes them, and what was said, read apart.
const native = require('../../lib/native');
const layout = require('../../lib/batch/layout');
const { op, act } = layout;

const defaults = {
  batchSize: 10,
  batchBytes: Infinity,
  batchTimeoutMs: 100,
  adaptive: false,
  concurrency: 1,
  handlerTimeoutMs: 30_000,
  maxSize: 1000,
  overflow: 'wait',
  highWater: 0.8,
  retries: 3,
  backoffMinMs: 100,
  backoffMaxMs: 30_000,
  backoffFactor: 2,
  backoffJitter: 0,
  maxDeadLetters: 1000,
  pull: false,
  durable: false,
};
/** How many numbers follow each kind of action that has no list. */
const lengths = {
  [act.DISPATCH]: 6,
  [act.TIMED_OUT]: 1,
  [act.DEAD]: 4,
  [act.DROPPED]: 2,
  [act.REFUSED]: 2,
  [act.ADMITTED]: 1,
  [act.FLUSHED]: 1,
  [act.CLOSED]: 0,
  [act.HIGH_WATER]: 0,
  [act.DRAINED]: 0,
  [act.LANE_FORGOTTEN]: 1,
};

function open(options = {}, firstId = 1) {
  const machine = native.batchOpen({ ...defaults, ...options }, firstId);
  const n = new Float64Array(native.batchNumbers(machine));
  const { batchSize } = { ...defaults, ...options };
  const opened = { machine, n, now: 1000, batchSize, steps: 0, lastId: firstId - 1, actions: [] };
  const once = (code, a, b) => {
    opened.steps += 1;
    const length = native.batchStep(machine, code, a, b, opened.now);
    expect(length).toBeLessThanOrEqual(layout.OUT_SIZE);
    for (let at = layout.OUT; at < layout.OUT + length; ) {
      const kind = n[at];
      let end = at + 1 + lengths[kind];
      if (kind === act.NAMES) end = at + 2 + n[at + 1];
      if (kind === act.LISTED) end = at + 2 + 4 * n[at + 1];
      expect(end).toBeGreaterThan(at);
      opened.actions.push([...n.subarray(at, end)]);
      at = end;
    }
  };
  /** Steps until nothing is left to be said; returns what was said. */
  opened.step = (code = op.STEP, a = 0, b = 0) => {
    once(code, a, b);
    while (n[layout.MORE] === 1) once(op.STEP, 0, 0);
    return opened.actions.splice(0);
  };
  /** As machine.rs tells the shell to; returns what a step said, undefined where none was needed. */
  opened.arrive = ({ lane = 0, bytes = 0, attempts = -1 } = {}) => {
    const row = [lane, bytes, opened.now, attempts];
    const last = layout.ARRIVALS + 5 * (n[layout.INBOX] - 1);
    const isAlike = n[layout.INBOX] > 0 && attempts === -1 && n[last + 4] < layout.ALIKE && row.every((number, index) => n[last + index] === number);
    if (isAlike) n[last + 4] += 1;
    else n.set([...row, 1], layout.ARRIVALS + 5 * n[layout.INBOX]++);
    const id = ++opened.lastId;
    const need = layout.NEED + 2 * lane;
    if (id >= n[layout.TELL_AT]) return opened.step();
    if (id > n[layout.ADMIT_TO]) n[layout.LEEWAY] = 0;
    if (
      n[layout.BUSY] === 0 &&
      id <= n[layout.ADMIT_TO] &&
      (lane >= layout.NEED_LANES || --n[need] <= 0 || (n[need + 1] -= bytes) <= 0)
    )
      return opened.step();
    // no timer is ever armed here: the first of a lane is told
    if (n[layout.BUSY] === 0 && id <= n[layout.ADMIT_TO] && n[need] === opened.batchSize - 1) return opened.step();
    if (n[layout.INBOX] === layout.INBOX_SIZE) return opened.step();
    return undefined;
  };
  /** Fails these places of a batch. */
  opened.fail = (batch, places, retryable = true) => {
    const list = [...places];
    while (list.length > layout.AUX_SIZE) opened.step(op.FAILURES, write(list.splice(0, layout.AUX_SIZE), retryable));
    return opened.step(op.FINISH, batch, write(list, retryable));
  };
  function write(places, retryable) {
    places.forEach((place, index) => n.set([place, retryable ? 1 : 0, 0, 0.5], layout.AUX + 4 * index));
    return places.length;
  }
  return opened;
}
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const kinds = (actions) => actions.map(([kind]) => kind);
/** The ids that the NAMES and LISTED among these carry. */
const named = (actions) => actions.filter(([kind]) => kind === act.NAMES).flatMap((action) => action.slice(2));
const listed = (actions) =>
  actions
    .filter(([kind]) => kind === act.LISTED)
    .flatMap((action) => range(0, action[1] - 1).map((index) => action.slice(2 + 4 * index, 6 + 4 * index)));
/** The account as of now: sums are written when they are asked for. */
const account = ({ n, step }) => {
  step(op.STATUS);
  return Object.fromEntries(layout.ACCOUNT_NAMES.map((name, index) => [name, n[layout.ACCOUNT + index]]));
};

module.exports = { open, range, kinds, named, listed, account };
