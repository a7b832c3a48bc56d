'use strict';
// What an injected client was not told, and catches up with: what was written since stays, what is older goes.
const { TieredCache } = require('sluice');
const { until } = require('../support/loopback');

const open = [];
afterEach(() => Promise.all(open.splice(0).map((cache) => cache.close())));

/** A client over a Map whose commands are applied, or fail, in the order in which `step()` lets them. */
function stepped() {
  const held = new Map();
  const waiting = [];
  const sent = [];
  const command = (name, apply) => (...args) => {
    sent.push([name, ...args]);
    return new Promise((resolve, reject) => waiting.push({ name, run: () => resolve(apply(...args)), fail: () => reject(new Error('read ECONNRESET')) }));
  };
  const client = {
    get: command('get', (key) => held.get(key) ?? null),
    set: command('set', (key, text) => Boolean(held.set(key, text))),
    del: command('del', (...keys) => keys.filter((key) => held.delete(key)).length),
    scan: command('scan', () => ['0', [...held.keys()]]),
  };
  const step = (fails) => (fails ? waiting.shift().fail() : waiting.shift().run());
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  /** Lets commands pass until none comes any more. */
  const drain = async () => {
    for (await turn(); waiting.length > 0; await turn()) step();
  };
  const cache = new TieredCache({ jitter: 0, memory: false, redis: { client, keyPrefix: 'p:', breaker: { failures: 1000 }, commandTimeoutMs: 60_000 } });
  open.push(cache);
  return { cache, held, waiting, sent, step, turn, drain };
}

test('a set that arrived after one that failed is not taken back', async () => {
  const { cache, held, step, drain, sent } = stepped();
  const failed = cache.set('key', 'old', 60);
  step(true);
  expect(await failed).toBe(false);
  const stored = cache.set('key', 'new', 60);
  await drain();
  expect([await stored, held.get('p:key'), sent.map(([name]) => name)]).toEqual([true, '"new"', ['set', 'set']]);
});

test('sets that are sent while it catches up are not taken back, whichever batch their keys are in', async () => {
  const { cache, held, step, drain } = stepped();
  const keys = Array.from({ length: 600 }, (_, at) => `key${at}`);
  const failed = Promise.all(keys.map((key) => cache.set(key, 'old', 60)));
  for (let at = 0; at < keys.length; at += 1) step(true);
  expect(await failed).toEqual(keys.map(() => false));
  void cache.get('other').catch(() => {});
  step(); // answered: the first batch is on its way
  await new Promise((resolve) => setImmediate(resolve));
  const stored = Promise.all(keys.map((key) => cache.set(key, 'new', 60)));
  await drain();
  expect((await stored).every(Boolean)).toBe(true);
  expect(keys.filter((key) => held.get(`p:${key}`) !== '"new"')).toEqual([]);
});

test('a set that arrived after a pattern delete that failed is not taken back by it, and what is older goes', async () => {
  const { cache, held, step, turn, drain } = stepped();
  held.set('p:a1', '"old"').set('p:a2', '"old"');
  const failed = cache.deletePattern('a*');
  await turn();
  step(true);
  await failed;
  const stored = cache.set('a1', 'new', 60);
  await drain();
  expect([await stored, [...held]]).toEqual([true, [['p:a1', '"new"']]]);
});

test('a set that was sent before a delete that failed does not end what the delete is owed', async () => {
  const { cache, held, waiting, step, turn, drain } = stepped();
  const stored = cache.set('key', 'old', 60);
  const removed = cache.delete('key');
  waiting.reverse(); // the delete fails first
  step(true);
  await removed;
  await turn();
  await drain();
  await stored;
  await until(() => held.size === 0);
  const again = cache.get('key');
  await drain();
  expect(await again).toBeNull();
});

test('a set that fails behind one that is on its way is owed, once that has arrived too', async () => {
  const { cache, held, waiting, step, turn, drain } = stepped();
  const first = cache.set('key', 'first', 60);
  const second = cache.set('key', 'second', 60);
  waiting.reverse();
  step(true);
  expect(await second).toBe(false);
  await turn();
  await drain();
  expect([await first, held.size]).toEqual([true, 0]);
});
