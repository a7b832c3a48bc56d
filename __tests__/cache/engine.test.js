'use strict';
// What only the engine shows: order, fills, guards, leases, events. Values and options are the shell's: see cache.test.js.
const { Buffer } = require('node:buffer');
const { fork } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { Engine } = require('../../lib/cache/engine');
const { startRedis } = require('../redis');

const NOW = 1_750_000_000_000;
const [SKIP_MEMORY, SKIP_REDIS] = [1, 2];
const [JSON_TAG, TEXT, BYTES] = [0, 1, 2];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function eventually(holds, limitMs = 60_000) {
  const until = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > until) throw new Error('it never came true');
    await sleep(5);
  }
}

const memory = { shared: null, stores: true, maxBytes: 1 << 20, maxEntries: 0, policy: 's3fifo', ttl: 10 };
const link = {
  urls: [], sentinel: null, username: null, password: null, db: null, tls: null, keyPrefix: 'e:', connectTimeoutMs: 5000,
  commandTimeoutMs: 5000, breakerFailures: 5, probeMs: 100, plain: false, tracking: true, publishes: false, compressMinBytes: 0,
};
const open = [];
function engine(parts = {}) {
  const { url, disk, redis, ...rest } = parts;
  const made = new Engine({
    memory: { ...memory, ...rest.memory },
    negative: rest.negative ?? null,
    redis: url === undefined ? null : { link: { ...link, urls: [url], publishes: disk !== undefined, ...redis }, ttl: 3600, whenDown: rest.whenDown ?? 'serve' },
    disk: disk === undefined ? null : { path: disk, ttl: 86400, maxBytes: 1 << 28, compressMinBytes: 0 },
    jitter: rest.jitter ?? 0,
  });
  open.push(made);
  return made;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
const set = (one, key, value, { ttl = 60, now = NOW, flags = 0, tags, guard, ...life } = {}) =>
  one.write(key, TEXT, value, now, { ttl, jitter: -1, ...life }, tags, flags, guard);
const payload = async (one, key, now = NOW, flags = 0) => (await one.read(key, now, flags))?.payload ?? null;

describe('an engine of memory alone', () => {
  it('knows everything at once, and keeps its promises in microtasks', async () => {
    const one = engine();
    expect(set(one, 'k', 'v')).toBe(true);
    let turned = false;
    setImmediate(() => (turned = true));
    expect((await one.read('k', NOW, 0)).payload).toBe('v');
    expect(await one.read('none', NOW, 0)).toBeNull();
    expect(await one.remove(['k', 'none'], NOW)).toBe(1);
    expect(await one.keys('', 10, NOW)).toEqual([]);
    expect(await one.lease('k', NOW, 10)).toBeGreaterThan(0);
    expect(turned).toBe(false);
  });

  it('says what was found, and what keeps it fresh near', () => {
    const one = engine();
    one.write('k', JSON_TAG, '{"a":1}', NOW, { ttl: 1.5, staleFor: 2, jitter: -1 }, undefined, 0);
    const found = one.lookup('k', NOW + 1500, 0);
    expect(found).toStrictEqual({
      tag: 0, payload: '{"a":1}', value: undefined, tier: 'l1', deadline: NOW + 1500, nearUntil: NOW + 1500, staleUntil: NOW + 3500, stale: 0,
      cell: expect.any(Number), epoch: expect.any(Number), era: 0,
    });
    expect(one.cells[found.cell]).toBe(found.epoch);
    set(one, 'k', 'new');
    expect(one.cells[found.cell]).not.toBe(found.epoch);
  });

  it('lives through its deadline, then is stale, then is gone', () => {
    const one = engine();
    set(one, 'k', 'v', { ttl: 0.001, staleFor: 1 });
    expect(one.lookup('k', NOW + 1, 0).stale).toBe(0);
    expect(one.lookup('k', NOW + 2, 0).stale).toBe(1);
    expect(one.lookup('k', NOW + 1002, 0)).toBeNull();
  });

  it('keeps strings of every script and Buffers of every size', () => {
    const one = engine();
    for (const text of ['', 'plain', 'naïve', '日本語 🎉', '\ufffd', 'x'.repeat(5000)]) {
      set(one, 'text', text);
      expect(one.lookup('text', NOW, 0).payload).toBe(text);
    }
    for (const size of [0, 10, 200_000]) {
      const bytes = Buffer.alloc(size, 7);
      one.write('bytes', BYTES, bytes, NOW, { ttl: 1, jitter: -1 }, undefined, 0);
      expect(Buffer.compare(one.lookup('bytes', NOW, 0).payload, bytes)).toBe(0);
    }
  });

  it.each(['x', 'x'.repeat(507), 'x'.repeat(2000)])('refuses a lone surrogate behind a key however long', (prefix) => {
    const one = engine();
    expect(() => set(one, `${prefix}\ud800`, 'v')).toThrow(expect.objectContaining({ code: 'ERR_VALUE' }));
    expect(() => one.lookup(`${prefix}\udc00x`, NOW, 0)).toThrow(expect.objectContaining({ code: 'ERR_VALUE' }));
    expect(set(one, `${prefix}\ufffd`, 'v')).toBe(true);
    expect(one.lookup(`${prefix}\ufffd`, NOW, 0).payload).toBe('v');
    expect(one.lookup(`${prefix}?`, NOW, 0)).toBeNull();
  });

  it('draws a deadline by its jitter', () => {
    const one = engine({ jitter: 0.5 });
    one.write('k', TEXT, 'v', NOW, { ttl: 100, jitter: 0 }, undefined, 0);
    expect(one.lookup('k', NOW, 0).deadline).toBe(NOW + 50_000);
    one.write('k', TEXT, 'v', NOW, { ttl: 100, jitter: 0.75 }, undefined, 0);
    expect(one.lookup('k', NOW, 0).deadline).toBe(NOW + 125_000);
  });

  it('stores what a load brings only if nothing has changed since it began', async () => {
    const one = engine();
    const began = { epoch: one.epoch('k'), token: await one.lease('k', NOW, 10) };
    set(one, 'k', 'newer');
    expect(set(one, 'k', 'loaded', { guard: began })).toBe(false);
    expect(one.lookup('k', NOW, 0).payload).toBe('newer');
    const again = { epoch: one.epoch('k'), token: began.token };
    expect(set(one, 'k', 'loaded', { guard: again })).toBe(true);
    one.release('k', began.token);
    expect(set(one, 'k', 'late', { guard: { epoch: one.epoch('k'), token: began.token } })).toBe(false);
  });

  it('does not store what was loaded while a pattern was deleted', async () => {
    const one = engine();
    const epoch = one.epoch('a:1');
    await one.removePattern('a:*', NOW);
    expect(set(one, 'a:1', 'loaded', { guard: { epoch, token: -1 } })).toBe(false);
  });

  it('deletes by pattern and by tag, and counts', async () => {
    const one = engine();
    for (const key of ['a:1', 'a:2', 'b:1']) set(one, key, 'v', { tags: key === 'b:1' ? ['t'] : undefined });
    expect(await one.removePattern('a:*', NOW)).toBe(2);
    expect(await one.removeTag('t', NOW)).toBe(1);
    expect(await one.keys('', 10, NOW)).toEqual([]);
  });

  it('closes: later use is refused, closing again is not', async () => {
    const one = engine();
    await one.close();
    await one.close();
    expect(() => one.lookup('k', NOW, 0)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    await expect(one.remove(['k'], NOW)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('tells what it evicted to who listens, and to nobody else', async () => {
    const one = engine({ memory: { maxBytes: 64 * 1024 } });
    const heard = [];
    one.listen((...event) => heard.push(event), 4);
    for (let index = 0; index < 500; index++) set(one, `k${index}`, 'x'.repeat(1000));
    await eventually(() => heard.length > 0);
    expect(heard[0]).toEqual(['evicted', expect.stringMatching(/^k\d+$/), 'size']);
    one.listen(() => {}, 0);
    const before = heard.length;
    for (let index = 0; index < 500; index++) set(one, `z${index}`, 'x'.repeat(1000));
    await sleep(20);
    expect(heard.length).toBe(before);
  });
});

describe('leases', () => {
  it('are one per key on a process: others read again when it ends, or run alone', async () => {
    const [one, other] = [engine({ memory: { shared: 'leases' } }), engine({ memory: { shared: 'leases' } })];
    const token = await one.lease('k', NOW, 1000);
    expect(token).toBeGreaterThan(0);
    expect(await other.lease('free', NOW, 1000)).toBeGreaterThan(0);
    const waiting = other.lease('k', NOW, 10_000);
    expect(await other.lease('k', NOW, 20)).toBe(-1);
    one.release('k', token);
    expect(await waiting).toBe(0);
    expect(await other.lease('k', NOW, 1000)).toBeGreaterThan(token);
  });

  it('end with the worker thread that holds them', async () => {
    const one = engine({ memory: { shared: 'terminated' } });
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       const { Engine } = require(${JSON.stringify(require.resolve('../../lib/cache/engine'))});
       const one = new Engine(${JSON.stringify({ memory: { ...memory, shared: 'terminated' }, negative: null, redis: null, disk: null, jitter: 0 })});
       one.lease('k', ${NOW}, 10).then((token) => parentPort.postMessage(token));
       setInterval(() => one, 1000);`,
      { eval: true },
    );
    const token = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(token).toBeGreaterThan(0);
    const waiting = one.lease('k', NOW, 30_000);
    await worker.terminate();
    expect(await waiting).toBe(0);
  });
});

describe('an engine on disk', () => {
  let folder;
  beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-engine-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('takes writes before it is open, and has them after a close', async () => {
    const one = engine({ disk: folder });
    expect(await set(one, 'k', 'v')).toBe(true);
    await one.close();
    const next = engine({ disk: folder });
    expect(await next.read('k', NOW, 0)).toMatchObject({ payload: 'v', tier: 'l3', deadline: NOW + 60_000 });
    expect(next.lookup('k', NOW + 30_000, 0)).toMatchObject({ tier: 'l1', deadline: NOW + 60_000 });
  });

  it('leaves one value in all tiers, the one set last', async () => {
    const one = engine({ disk: folder });
    await one.start();
    for (let value = 0; value < 200; value++) set(one, 'k', String(value));
    expect(await payload(one, 'k')).toBe('199');
    expect(await payload(one, 'k', NOW, SKIP_MEMORY)).toBe('199');
    one.removeMemory('k', NOW);
    expect(await payload(one, 'k')).toBe('199');
  });

  it('does not fill memory with what was deleted while it was read', async () => {
    const one = engine({ disk: folder });
    await one.start();
    for (let round = 0; round < 50; round++) {
      set(one, 'k', 'old');
      one.removeMemory('k', NOW);
      const read = one.read('k', NOW, 0);
      const removed = one.remove(['k'], NOW);
      await read;
      expect(await removed).toBe(1);
      expect(await payload(one, 'k')).toBeNull();
    }
  });

  it('remembers an absence until the key is set, here or by another instance', async () => {
    const [one, other] = [engine({ disk: folder, negative: { ttl: 60, maxKeys: 10 } }), engine({ disk: folder })];
    await Promise.all([one.start(), other.start()]);
    expect(await one.read('k', NOW, 0)).toBeNull();
    expect(one.lookup('k', NOW, 0)).toBeNull();
    expect(one.wasRemembered()).toBe(true);
    set(other, 'k', 'v');
    // told behind: within the staleness stated for the disk
    await eventually(async () => (await payload(one, 'k')) === 'v');
    expect(await one.read('own', NOW, 0)).toBeNull();
    set(one, 'own', 'v');
    expect(await payload(one, 'own')).toBe('v');
  });

  it('runs one load among processes; the others find its value', async () => {
    const children = Array.from({ length: 3 }, () => fork(path.join(__dirname, 'loader.js'), [folder, String(NOW)]));
    const results = await Promise.all(
      children.map((child) => new Promise((resolve, reject) => child.once('message', resolve).once('error', reject))),
    );
    expect(results.map(({ value }) => value)).toEqual(['loaded', 'loaded', 'loaded']);
    expect(results.reduce((sum, { loads }) => sum + loads, 0)).toBe(1);
  });
});

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
