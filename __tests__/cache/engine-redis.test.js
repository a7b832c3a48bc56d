'use strict';
// Engines over a Redis: what they fill and hear of, guards and leases among several, and what holds while it is away.
const { fork } = require('node:child_process');
const path = require('node:path');
const { startRedis } = require('../redis');
const { SKIP_MEMORY, SKIP_REDIS, TEXT, sleep, eventually, engine, set, payload, closeAll } = require('../support/engines');

afterEach(closeAll);

describe('engines on one Redis', () => {
  let server;
  let raw;
  beforeAll(async () => {
    server = await startRedis();
    raw = server.client();
  });
  afterAll(() => server.stop());
  beforeEach(() => raw.flushall());

  /** Redis has its own clock: it is asked with the real one. */
  const now = () => Date.now();

  it('fill memory with the time left, and hear of each other\'s changes', async () => {
    const [one, other] = [engine({ url: server.url }), engine({ url: server.url })];
    await Promise.all([one.start(), other.start()]);
    const at = now();
    expect(await set(one, 'k', 'first', { now: at, ttl: 100 })).toBe(true);
    const found = await other.read('k', at, 0);
    expect(found).toMatchObject({ payload: 'first', tier: 'l2' });
    expect(Math.abs(found.deadline - at - 100_000)).toBeLessThan(50);
    expect(other.lookup('k', at, 0).tier).toBe('l1');
    await set(one, 'k', 'second', { now: at });
    await eventually(() => other.lookup('k', at, 0) === undefined);
    expect(await payload(other, 'k', at)).toBe('second');
    await one.remove(['k'], at);
    await eventually(() => other.lookup('k', at, 0) === undefined);
    expect(await payload(other, 'k', at)).toBeNull();
  });

  it('read many thousand keys at once, each its own', async () => {
    const one = engine({ url: server.url });
    await one.start();
    const at = now();
    const keys = Array.from({ length: 3000 }, (_, index) => `k${index}`);
    const written = keys.filter((_, index) => index % 3 !== 0);
    expect(await one.writeMany(written.map((key) => [key, TEXT, `v-${key}`, { ttl: 60, jitter: -1 }]), at, undefined, SKIP_MEMORY)).toBe(true);
    const found = await one.readMany(keys, at, SKIP_MEMORY);
    expect(found.map((value) => value?.payload ?? null)).toEqual(keys.map((key, index) => (index % 3 === 0 ? null : `v-${key}`)));
  });

  it('keep the order of calls', async () => {
    const one = engine({ url: server.url });
    await one.start();
    const at = now();
    const calls = [];
    for (let value = 0; value < 300; value++) {
      calls.push(set(one, 'k', String(value), { now: at, flags: SKIP_MEMORY }));
      if (value % 7 === 3) calls.push(one.remove(['k'], at));
    }
    calls.push(set(one, 'k', 'last', { now: at, flags: SKIP_MEMORY }));
    await Promise.all(calls);
    expect(await payload(one, 'k', at, SKIP_MEMORY)).toBe('last');
    await one.remove(['k'], at);
    expect(await raw.keys('e:*')).toEqual([]);
  });

  it('store a load\'s value in Redis, unless the key was deleted meanwhile', async () => {
    const one = engine({ url: server.url });
    await one.start();
    const at = now();
    const guard = { epoch: one.epoch('k'), token: await one.lease('k', at, 100) };
    expect(await set(one, 'k', 'loaded', { now: at, guard })).toBe(true);
    one.release('k', guard.token);
    await sleep(60);
    expect(await payload(one, 'k', at, SKIP_MEMORY)).toBe('loaded');
    // changed elsewhere while the next load runs
    const next = { epoch: one.epoch('k'), token: -1 };
    await raw.del('e:k');
    await eventually(() => one.epoch('k') !== next.epoch);
    expect(await set(one, 'k', 'outdated', { now: at, guard: next })).toBe(false);
    expect(await raw.exists('e:k')).toBe(0);
    expect(await payload(one, 'k', now())).toBeNull();
  });

  it('have one loader among them', async () => {
    const [one, other] = [engine({ url: server.url }), engine({ url: server.url })];
    await Promise.all([one.start(), other.start()]);
    const at = now();
    const token = await one.lease('k', at, 1000);
    expect(token).toBeGreaterThan(0);
    const waiting = other.lease('k', at, 10_000);
    expect(await other.lease('k2', at, 100)).toBeGreaterThan(0);
    await sleep(50);
    expect(await set(one, 'k', 'v', { now: at, guard: { epoch: one.epoch('k'), token } })).toBe(true);
    one.release('k', token);
    expect(await waiting).toBe(0);
    expect(await payload(other, 'k', at)).toBe('v');
    const held = await one.lease('busy', at, 100);
    expect(await other.lease('busy', at, 60)).toBe(-1);
    one.release('busy', held);
  });

  it('remember absences only while they are told of sets', async () => {
    const negative = { ttl: 60, maxKeys: 100 };
    const [told, untold] = [engine({ url: server.url, negative }), engine({ url: server.url, negative, redis: { tracking: false } })];
    await Promise.all([told.start(), untold.start()]);
    const at = now();
    expect(await told.read('k', at, 0)).toBeNull();
    expect(told.lookup('k', at, 0)).toBeNull();
    expect(await untold.read('k', at, 0)).toBeNull();
    expect(untold.lookup('k', at, 0)).toBeUndefined();
    await set(untold, 'k', 'v', { now: at });
    await eventually(async () => (await payload(told, 'k', at)) === 'v');
  });

  it('without tracking serve a copy for memory.ttl only', async () => {
    const one = engine({ url: server.url, redis: { tracking: false } });
    await one.start();
    const at = now();
    await set(one, 'k', 'v', { now: at, ttl: 60 });
    expect(one.lookup('k', at + 10_000, 0)).toMatchObject({ payload: 'v', nearUntil: at + 10_000, deadline: at + 60_000 });
    expect(one.lookup('k', at + 10_001, 0)).toBeUndefined();
  });

  it('leave out the tiers they are told to', async () => {
    const one = engine({ url: server.url });
    await one.start();
    const at = now();
    expect(set(one, 'k', 'v', { now: at, flags: SKIP_REDIS })).toBe(true);
    expect(await payload(one, 'k', at, SKIP_MEMORY)).toBeNull();
    expect(await payload(one, 'k', at)).toBe('v');
    await set(one, 'k', 'below', { now: at, flags: SKIP_MEMORY });
    expect(await payload(one, 'k', at)).toBe('below');
  });

  it('tell who listens which keys others changed', async () => {
    const [one, other] = [engine({ url: server.url }), engine({ url: server.url })];
    await Promise.all([one.start(), other.start()]);
    const heard = [];
    other.listen((...event) => heard.push(event), 2);
    await set(one, 'chängëd', 'v', { now: now() });
    await eventually(() => heard.length > 0);
    expect(heard[0].slice(0, 2)).toEqual(['invalidated', ['chängëd']]);
  });
});

describe('when Redis goes', () => {
  it('the engine goes on without it: events once each way, missed keys are invalidated when it is back', async () => {
    const server = await startRedis();
    const redis = { commandTimeoutMs: 250 };
    const [one, other] = [engine({ url: server.url, redis }), engine({ url: server.url, redis })];
    await Promise.all([one.start(), other.start()]);
    const heard = [];
    one.listen((name, tier) => heard.push(`${name} ${tier}`), 1);
    const at = Date.now();
    await set(one, 'k', 'v', { now: at });
    server.pause();
    const frozen = performance.now();
    const answers = await Promise.all(Array.from({ length: 64 }, (_, index) => payload(one, `none${index}`, at)));
    expect(answers.every((answer) => answer === null)).toBe(true);
    expect(performance.now() - frozen).toBeLessThan(3000);
    await eventually(() => one.health().redis === 'down');
    // a copy is served for memory.ttl after the loss, a write is remembered
    expect(one.lookup('k', at, 0)).toMatchObject({ payload: 'v', tier: 'l1' });
    expect(await set(one, 'k', 'while away', { now: at })).toBe(false);
    expect(await one.remove(['gone'], at)).toBe(0);
    const quick = performance.now();
    for (let index = 0; index < 50; index++) expect(await payload(one, 'none', at)).toBeNull();
    expect((performance.now() - quick) / 50).toBeLessThan(20);
    server.resume();
    await eventually(() => one.health().redis === 'up' && other.health().redis === 'up');
    await eventually(async () => (await payload(other, 'k', Date.now())) === null);
    await eventually(() => heard.includes('recovered tracking'));
    expect(heard.filter((event) => event === 'degraded redis')).toHaveLength(1);
    expect(heard.filter((event) => event === 'recovered redis')).toHaveLength(1);
    await server.stop();
  });

  it("misses, where whenDown is 'miss'", async () => {
    const server = await startRedis();
    const one = engine({ url: server.url, whenDown: 'miss' });
    await one.start();
    const at = Date.now();
    await set(one, 'k', 'v', { now: at });
    await server.stop();
    await eventually(() => one.health().redis === 'down');
    expect(await payload(one, 'k', at)).toBeNull();
  });

  it('a process with an engine that nobody closed may exit', async () => {
    const child = fork(path.join(__dirname, 'exits.js'), ['redis://127.0.0.1:9'], { stdio: 'ignore' });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(code).toBe(0);
  });
});
