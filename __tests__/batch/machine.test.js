'use strict';
// The machine's door: what crosses, in which order, and what happens when the shared numbers do not hold everything.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const layout = require('../../lib/batch/layout');
const { open, range, kinds, named, listed, account } = require('../support/batch-machine');
const { op, act } = layout;

test('both sides mean the same numbers', () => {
  const text = readFileSync(join(__dirname, '../../src/batch/layout.rs'), 'utf8');
  const known = {};
  for (const [, name, value] of text.matchAll(/pub const (\w+): (?:usize|u64) = ([^;]+);/g))
    known[name] = Function(...Object.keys(known), `return ${value}`)(...Object.values(known));
  const { op: ops, act: acts, REASONS, STATS_NAMES, ACCOUNT_NAMES, ...places } = layout;
  expect(places).toEqual(Object.fromEntries(Object.keys(places).map((name) => [name, known[name]])));
  const [, opText, actText] = text.split(/pub mod \w+ \{/);
  const codes = (part) => Object.fromEntries([...part.matchAll(/pub const (\w+): u32 = (\d+);/g)].map(([, name, code]) => [name, +code]));
  expect(ops).toEqual(codes(opText));
  expect(acts).toEqual(codes(actText));
  const types = readFileSync(join(__dirname, '../../crates/core/src/batch/types.rs'), 'utf8');
  const body = types.match(/pub enum Reason \{([^}]+)\}/)[1];
  expect(REASONS).toEqual([...body.matchAll(/^ {4}(\w+),/gm)].map(([, name]) => name.toLowerCase()));
  expect([STATS_NAMES.length, ACCOUNT_NAMES.length]).toEqual([6, 6]);
});

test('a burst crosses about once for each batch, and none is lost', () => {
  const { n, arrive, step, ...rest } = open();
  let handed = 0;
  let steps = 0;
  const told = (actions) => {
    if (actions === undefined) return;
    steps += 1;
    for (const action of actions) if (action[0] === act.DISPATCH) handed += action[5];
  };
  for (let index = 0; index < 10_000; index++) told(arrive());
  while (n[layout.IN_FLIGHT] > 0) told(step(op.FINISH, 0, 0));
  expect(handed).toBe(10_000);
  expect(steps).toBeLessThan(1100);
  expect(account({ n, step })).toMatchObject({ accepted: 10_000, delivered: 10_000 });
  expect([n[layout.SIZE], n[layout.WAITING], n[layout.WAKE_AT]]).toEqual([0, 0, Infinity]);
  expect(rest.actions).toEqual([]);
});

test('the first item of a lane gets its timer, the others do not cross', () => {
  const opened = open();
  expect(opened.arrive()).toEqual([]);
  expect(opened.n[layout.WAKE_AT]).toBe(1100);
  for (let index = 0; index < 8; index++) expect(opened.arrive()).toBeUndefined();
  expect(opened.arrive()).toEqual([[act.DISPATCH, 0, 0, layout.REASONS.indexOf('size'), 1, 10, 0]]);
});

test('lanes beyond the table cross for each item, and fill as the others', () => {
  const opened = open({ batchSize: 3 });
  const lane = layout.NEED_LANES + 7;
  expect(opened.arrive({ lane })).toEqual([]);
  expect(opened.arrive({ lane })).toEqual([]);
  expect(opened.arrive({ lane })).toEqual([[act.DISPATCH, 0, lane, 0, 1, 3, 0]]);
  expect(opened.step(op.FINISH, 0, 0)).toEqual([[act.LANE_FORGOTTEN, lane]]);
});

test('a full inbox crosses, in order, however busy the machine is', () => {
  const opened = open({ batchSize: 1, maxSize: 10_000, concurrency: 1 });
  opened.arrive();
  expect(opened.n[layout.BUSY]).toBe(1);
  for (let index = 1; index < layout.INBOX_SIZE; index++) expect(opened.arrive({ bytes: index })).toBeUndefined();
  expect(opened.arrive()).toEqual([]);
  expect(opened.n[layout.LAST_ID]).toBe(layout.INBOX_SIZE + 1);
  expect(listed(opened.step(op.PENDING)).map(([id]) => id)).toEqual(range(2, layout.INBOX_SIZE + 1));
});

test('a burst of items that are alike is a row of the inbox', () => {
  const opened = open({ batchSize: 10, maxSize: 100_000 });
  for (let index = 0; index < 10; index++) opened.arrive();
  for (let index = 0; index < 9000; index++) expect(opened.arrive()).toBeUndefined();
  for (const other of [{ lane: 1 }, { bytes: 1 }, {}]) opened.arrive(other);
  const rows = range(0, opened.n[layout.INBOX] - 1).map((row) => opened.n[layout.ARRIVALS + 5 * row + 4]);
  expect(rows).toEqual([layout.ALIKE, layout.ALIKE, 9000 - 2 * layout.ALIKE, 1, 1, 1]);
  const list = listed(opened.step(op.PENDING));
  expect(list.map(([id]) => id)).toEqual(range(11, 9013));
  expect(list.filter(([, lane]) => lane === 1).map(([id]) => id)).toEqual([9011]);
  expect(opened.n[layout.LAST_ID]).toBe(9013);
});

test('batches that ended are taken with the next step, after the arrivals', () => {
  const opened = open({ batchSize: 2, maxSize: 6, highWater: 1, concurrency: 4 });
  for (let index = 0; index < 6; index++) opened.arrive();
  expect([opened.n[layout.IN_FLIGHT], opened.n[layout.LEEWAY]]).toEqual([3, 0]);
  opened.n.set([0, 2], layout.ENDED);
  opened.n[layout.ENDINGS] = 2;
  // it came when there was no room yet
  opened.n[layout.TELL_AT] = Infinity;
  expect(opened.arrive()).toBeUndefined();
  expect(opened.step()).toEqual([[act.ADMITTED, 7], [act.DRAINED]]);
  expect([opened.n[layout.SIZE], opened.n[layout.IN_FLIGHT], opened.n[layout.ENDINGS], opened.n[layout.LEEWAY]]).toEqual([3, 1, 0, Infinity]);
  opened.n[layout.ENDED] = 1;
  opened.n[layout.ENDINGS] = 1;
  opened.step(op.FLUSH);
  expect([opened.n[layout.SIZE], opened.n[layout.LEEWAY]]).toEqual([1, 0]);
  expect(account(opened)).toMatchObject({ accepted: 7, delivered: 6 });
});

test('a list that does not fit comes in parts, and before what else is to be done', () => {
  const opened = open({ batchSize: 5, maxSize: 10_000 });
  for (let index = 0; index < 3000; index++) opened.arrive({ lane: index % 2 });
  opened.now = 1040;
  const before = opened.steps;
  const list = listed(opened.step(op.PENDING));
  expect(opened.steps - before).toBeGreaterThan(10);
  const flown = 5;
  expect(list).toHaveLength(3000 - flown);
  expect(list[0]).toEqual([2, 1, 0, 40]);
  expect(list.at(-1)).toEqual([3000, 1, 0, 40]);
  const actions = opened.step(op.CLEAR);
  expect(opened.n[layout.RESULT]).toBe(3000 - flown);
  expect(listed(actions).map(([id]) => id)).toEqual(list.map(([id]) => id));
  expect(kinds(actions).lastIndexOf(act.LISTED)).toBeLessThan(kinds(actions).indexOf(act.LANE_FORGOTTEN));
  expect(account(opened)).toMatchObject({ accepted: 3000, dropped: 3000 - flown });
});

test('a batch of more failures and names than fit is tried again as one', () => {
  const opened = open({ batchSize: 2500, maxSize: 5000 });
  for (let index = 0; index < 2500; index++) opened.arrive();
  const failed = range(0, 2499).filter((place) => place % 5 !== 0);
  expect(opened.fail(0, failed)).toEqual([]);
  expect(opened.n[layout.WAKE_AT]).toBe(1100);
  opened.now = 1100;
  const actions = opened.step();
  expect(actions[0]).toEqual([act.DISPATCH, 0, 0, layout.REASONS.indexOf('retry'), 2, 2000, 1]);
  expect(named(actions)).toEqual(failed.map((place) => place + 1));
  expect(kinds(actions).filter((kind) => kind === act.NAMES).length).toBeGreaterThan(1);
});

test('more deaths than fit are all told', () => {
  const opened = open({ batchSize: 1000, maxSize: 5000, maxDeadLetters: 10 });
  for (let index = 0; index < 1000; index++) opened.arrive();
  const dead = opened.fail(0, range(0, 999), false).filter(([kind]) => kind === act.DEAD);
  expect(dead.map(([, id]) => id)).toEqual(range(1, 1000));
  expect(dead[9]).toEqual([act.DEAD, 10, 1, 1, 0]);
  expect(dead[10]).toEqual([act.DEAD, 11, 1, 1, 1]);
  expect(opened.n[layout.DEAD_LETTERS]).toBe(10);
});

test('refused and dropped arrivals are named, at once', () => {
  const refusing = open({ maxSize: 2, overflow: 'reject' });
  refusing.arrive();
  refusing.arrive();
  expect(refusing.arrive({ lane: 3 })).toEqual([[act.REFUSED, 3, 3], [act.LANE_FORGOTTEN, 3]]);
  const dropping = open({ maxSize: 2, overflow: 'drop-oldest' });
  dropping.arrive();
  dropping.arrive();
  expect(dropping.arrive()).toEqual([[act.DROPPED, 1, 0], [act.ADMITTED, 3]]);
});

test('what waits for room is admitted by a watermark', () => {
  const opened = open({ batchSize: 2, maxSize: 2 });
  opened.arrive();
  opened.arrive();
  expect([opened.arrive(), opened.arrive(), opened.arrive()]).toEqual([undefined, undefined, undefined]);
  const reason = layout.REASONS.indexOf('size');
  expect(opened.step(op.FINISH, 0, 0)).toEqual([[act.ADMITTED, 4], [act.DISPATCH, 0, 0, reason, 1, 2, 0]]);
  expect([opened.n[layout.SIZE], opened.n[layout.WAITING]]).toEqual([2, 1]);
});

test('a store says what is on disk, and what a log had kept goes by name', () => {
  const opened = open({ durable: true, batchSize: 2 }, 41);
  opened.arrive({ attempts: 1 });
  expect(opened.step()).toEqual([[act.DISPATCH, 0, 0, layout.REASONS.indexOf('retry'), 2, 1, 1], [act.NAMES, 1, 41]]);
  opened.arrive();
  opened.arrive();
  opened.arrive();
  expect(opened.step()).toEqual([]);
  expect([opened.n[layout.SIZE], opened.n[layout.WAITING]]).toEqual([1, 3]);
  opened.step(op.REFUSE, 43);
  expect(opened.n[layout.RESULT]).toBe(1);
  opened.step(op.STORED, 44);
  expect([opened.n[layout.SIZE], opened.n[layout.WAITING]]).toEqual([3, 0]);
  expect(opened.step(op.FINISH, 0, 0)).toEqual([[act.DISPATCH, 0, 0, 0, 1, 2, 0]]);
});

test('pull: what is taken is listed, and settled one by one', () => {
  const opened = open({ pull: true });
  for (let index = 0; index < 600; index++) opened.arrive();
  opened.now = 1007;
  opened.step(op.FLUSH);
  expect(opened.n[layout.RESULT]).toBe(1);
  const taken = listed(opened.step(op.TAKE, 500));
  expect(taken.map(([id]) => id)).toEqual(range(1, 500));
  expect(taken[0]).toEqual([1, 0, 0, 7]);
  expect(opened.n[layout.IN_FLIGHT]).toBe(500);
  opened.n.set([0, 0, 0, 0], layout.AUX);
  expect(opened.step(op.SETTLE, 1, 1)).toEqual([[act.DEAD, 1, 1, 1, 0]]);
  expect(opened.n[layout.RESULT]).toBe(1);
  opened.step(op.SETTLE, 2, 0);
  opened.step(op.SETTLE, 2, 0);
  expect(opened.n[layout.RESULT]).toBe(0);
  expect(opened.step(op.CLOSE, Infinity)).toEqual([[act.CLOSED]]);
  expect(listed(opened.step(op.LEAVE, 1)).map(([id]) => id)).toEqual(range(3, 600));
  expect(account(opened)).toEqual({ accepted: 600, delivered: 1, deadLettered: 1, dropped: 0, aborted: 0, kept: 598 });
});

test('letters are adopted, sent again, cleared', () => {
  const opened = open({ maxDeadLetters: 2 }, 100);
  const adopted = [3, 4, 5].map((id) => {
    opened.step(op.ADOPT_DEAD, id);
    return opened.n[layout.RESULT];
  });
  expect(adopted).toEqual([0, 0, 3]);
  opened.n[layout.AUX] = 12;
  const actions = opened.step(op.REQUEUE, 4, 6);
  expect(actions).toEqual([[act.DISPATCH, 0, 6, layout.REASONS.indexOf('timeout'), 1, 1, 1], [act.NAMES, 1, 4]]);
  opened.step(op.REQUEUE, 4, 6);
  expect(opened.n[layout.RESULT]).toBe(0);
  opened.step(op.CLEAR_DEAD);
  expect(opened.n[layout.RESULT]).toBe(1);
});

test('a turn of the event loop is asked for where there is no timeout', () => {
  const opened = open({ batchTimeoutMs: 0 });
  expect(opened.arrive()).toEqual([]);
  expect([opened.n[layout.TURN], opened.n[layout.WAKE_AT]]).toEqual([1, Infinity]);
  expect(opened.step(op.TURN)).toEqual([[act.DISPATCH, 0, 0, layout.REASONS.indexOf('timeout'), 1, 1, 0]]);
  expect(opened.n[layout.TURN]).toBe(0);
});

test('other limits: every lane is told what it needs, and what waits leaves by them', () => {
  const opened = open({ batchSize: 5, maxSize: 100 });
  expect([opened.arrive({ lane: 1 }), opened.arrive({ lane: 1 })]).toEqual([[], undefined]);
  opened.n.set([2, 40, 3, 10], layout.AUX);
  expect(opened.step(op.UPDATE)).toEqual([[act.DISPATCH, 0, 1, layout.REASONS.indexOf('size'), 1, 2, 0]]);
  expect([0, 1, 127].map((lane) => opened.n[layout.NEED + 2 * lane])).toEqual([2, 2, 2]);
  expect([opened.n[layout.LINGER], opened.n[layout.ADMIT_TO], opened.n[layout.BUSY]]).toEqual([40, 10, 0]);
});

test('the age of the oldest, and statistics that start again while the account goes on', () => {
  const opened = open({ batchSize: 1 });
  opened.arrive();
  opened.now += 25;
  opened.step(op.STATUS);
  expect(opened.n[layout.OLDEST_AGE]).toBe(25);
  opened.step(op.FINISH, 0, 0);
  opened.step(op.STATUS);
  expect(opened.n[layout.OLDEST_AGE]).toBe(0);
  const stats = () => [...opened.n.subarray(layout.STATS, layout.STATS + 6)];
  expect(stats()).toEqual([1, 1, 0, 0, 1, 1]);
  opened.step(op.RESET_STATS);
  expect(stats()).toEqual([0, 0, 0, 0, 0, 0]);
  expect(account(opened)).toMatchObject({ accepted: 1, delivered: 1 });
});

test('numbers that mean nothing do no harm', () => {
  const opened = open({ batchSize: 3 });
  for (const odd of [NaN, -1, Infinity, -Infinity, 2 ** 60, 1e308]) {
    for (const code of [...Object.values(op), 99, 2 ** 32 - 1]) {
      if (code === op.CLOSE) continue;
      opened.n.fill(odd, layout.AUX, layout.OUT);
      opened.n[layout.INBOX] = 0;
      expect(() => opened.step(code, odd, odd)).not.toThrow();
    }
  }
  opened.now = NaN;
  expect(() => opened.step()).not.toThrow();
  opened.now = 2000;
  opened.n.set([3, 100, 1, 10], layout.AUX);
  opened.step(op.UPDATE);
  const first = [opened.arrive(), opened.arrive(), opened.arrive()].at(-1);
  expect(first).toEqual([[act.DISPATCH, 0, 0, 0, 1, 3, 0]]);
  expect(account(opened)).toMatchObject({ accepted: 3, delivered: 0 });
});
