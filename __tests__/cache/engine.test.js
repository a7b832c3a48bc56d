'use strict';
// What only the engine shows: order, fills, guards, leases, events. Values and options are the shell's: see memory.test.js.
const { Buffer } = require('node:buffer');
const { fork } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { NOW, SKIP_MEMORY, JSON_TAG, TEXT, BYTES, memory, sleep, eventually, engine, set, payload, closeAll } = require('../support/engines');

afterEach(closeAll);

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
