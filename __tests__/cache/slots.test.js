'use strict';
// The store of live values, against plain models in JavaScript: values, time, policy, cost. Epochs: slots-epochs.test.js.
const { Slots } = require('../../lib/cache/slots');
const { runChild } = require('../child');
const { at, open, same, seeded } = require('../support/slots');

// the addon as it ships: nothing here needs test hooks
const shipped = { env: { NAPI_RS_NATIVE_LIBRARY_PATH: '' } };

describe('values', () => {
  test('are the very ones that were set, null included', () => {
    const slots = open();
    const cyclic = {};
    cyclic.self = cyclic;
    for (const value of [cyclic, null, 0, '', NaN, () => 1, new Date(0)]) {
      expect(slots.set('k', value, Infinity)).toBe(true);
      expect(slots.get('k')).toBe(value);
    }
    expect(slots.get('other')).toBe(undefined);
    expect(slots.size).toBe(1);
  });

  test('keys are told apart as JavaScript does, however they hash', () => {
    const slots = open();
    const keys = ['', 'a', 'A', 'ä', 'a\u0308', '\u0000', '💧', 'k'.repeat(255), 'k'.repeat(256), 'k'.repeat(100_000), 'ä'.repeat(127), 'ä'.repeat(128)];
    keys.forEach((key, index) => slots.set(key, index, Infinity));
    expect(keys.map((key) => slots.get(key))).toEqual(keys.map((_, index) => index));
  });

  test('delete says whether there was one, clear removes all', () => {
    const slots = open();
    slots.set('a', 1, Infinity);
    slots.set('b', 2, at - 1);
    expect([slots.delete('a'), slots.delete('a'), slots.delete('b'), slots.delete('never')]).toEqual([true, false, false, false]);
    for (let key = 0; key < 50; key += 1) slots.set(`k${key}`, key, Infinity);
    slots.clear();
    expect([slots.size, slots.get('k1'), [...slots.live()]]).toEqual([0, undefined, []]);
    for (let key = 0; key < 100; key += 1) slots.set(`k${key}`, key, Infinity);
    expect([slots.size, slots.evictions]).toEqual([100, 0]);
  });

  test('a store lists what is fresh, and what carries a tag', () => {
    const slots = open({ maxEntries: 4 });
    slots.set('a', 1, Infinity, Infinity, ['red', 'round']);
    slots.set('b', 2, at, at, ['red']);
    slots.set('old', 3, at - 1, at - 1);
    expect([...slots.live()].map((entry) => entry.key)).toEqual(['a', 'b']);
    expect([slots.tagged('red'), slots.tagged('round'), slots.tagged('none')]).toEqual([['a', 'b'], ['a'], []]);
    slots.set('a', 1, Infinity, Infinity, ['green']);
    expect([slots.tagged('red'), slots.tagged('round'), slots.tagged('green')]).toEqual([['b'], [], ['a']]);
    slots.delete('b');
    expect(slots.tagged('red')).toEqual([]);
    for (let key = 0; key < 4; key += 1) slots.set(`k${key}`, key, Infinity);
    expect(slots.tagged('green')).toEqual([]);
  });
});

describe('time', () => {
  test('an entry is fresh at its deadline and not after it', () => {
    let now = at;
    const evicted = [];
    const slots = open({ now: () => now, onEvict: (...args) => evicted.push(args) });
    slots.set('k', 1, at + 10);
    now = at + 10;
    expect(slots.get('k')).toBe(1);
    now = at + 11;
    expect(slots.get('k')).toBe(undefined);
    expect([slots.size, evicted]).toEqual([0, [['k', 'expired']]]);
  });

  test('in its stale window an entry is kept, but only peekStale sees it', () => {
    let now = at;
    const slots = open({ now: () => now });
    slots.set('k', 1, at + 10, at + 20);
    now = at + 11;
    expect([slots.get('k'), slots.peek('k'), slots.peekStale('k')?.value, slots.size]).toEqual([undefined, undefined, 1, 1]);
    now = at + 20;
    expect(slots.peekStale('k')?.value).toBe(1);
    now = at + 21;
    expect([slots.peekStale('k'), slots.size]).toEqual([undefined, 0]);
  });

  test('a clock that is set back makes an entry fresh again', () => {
    let now = at;
    const slots = open({ now: () => now });
    slots.set('k', 1, at + 10, Infinity);
    now = at + 11;
    expect(slots.get('k')).toBe(undefined);
    now = at;
    expect(slots.get('k')).toBe(1);
  });

  test('deadlines at the ends of what numbers hold', () => {
    let now = 0;
    const slots = open({ now: () => now });
    const deadlines = [0, 1, 2 ** 31, 2 ** 53 - 1, 1e300, Infinity];
    deadlines.forEach((deadline) => slots.set(String(deadline), deadline, deadline));
    for (const time of [0, 1, 2, 2 ** 31, 2 ** 31 + 1, 2 ** 53, 1e301]) {
      now = time;
      expect(deadlines.filter((deadline) => slots.get(String(deadline)) !== undefined)).toEqual(deadlines.filter((deadline) => time <= deadline));
    }
  });
});

describe('policy', () => {
  test('lru leaves in the exact order of use, over any operations', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seeded(seed);
      const maxEntries = 1 + random(60);
      const left = [];
      const slots = open({ maxEntries, onEvict: (key) => left.push(key) });
      const model = new Map();
      const expected = [];
      for (let step = 0; step < 5000; step += 1) {
        const key = `k${random(90)}`;
        const what = random(10);
        if (what < 5) {
          same(slots.get(key), model.get(key));
          if (model.has(key)) {
            const value = model.get(key);
            model.delete(key);
            model.set(key, value);
          }
        } else if (what < 9) {
          slots.set(key, step, Infinity);
          model.delete(key);
          model.set(key, step);
          if (model.size > maxEntries) {
            const [oldest] = model.keys();
            model.delete(oldest);
            expected.push(oldest);
          }
        } else {
          same(slots.delete(key), model.delete(key));
        }
      }
      expect(left).toEqual(expected);
      expect([...slots.live()].map((entry) => entry.key).sort()).toEqual([...model.keys()].sort());
      same(slots.evictions, expected.length);
    }
  });

  test.each(['lru', 'lfu', 'tinylfu', 's3fifo'])('%s: never more entries or bytes than allowed, and what is set is found', (policy) => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = seeded(seed);
      const [maxEntries, maxBytes] = [1 + random(80), 100 + random(900)];
      const left = [];
      const slots = open({ policy, maxEntries, maxBytes, sizeOf: (value) => value.size, onEvict: (key) => left.push(key) });
      const held = new Map();
      for (let step = 0; step < 3000; step += 1) {
        const key = `k${random(200)}`;
        const what = random(10);
        if (what < 5) {
          same(slots.get(key), held.get(key));
        } else if (what < 9) {
          const value = { size: random(20) === 0 ? maxBytes + 1 + random(9) : random(40) };
          const fits = value.size <= maxBytes;
          same(slots.set(key, value, Infinity), fits);
          held.delete(key);
          for (const gone of left.splice(0)) same(held.delete(gone), true);
          if (fits) held.set(key, value);
          same(slots.peek(key)?.value, fits ? value : undefined);
        } else {
          same(slots.delete(key), held.delete(key));
        }
        same(slots.size, held.size);
        same(slots.size <= maxEntries, true);
        same(slots.bytes, [...held.values()].reduce((sum, { size }) => sum + size, 0));
        same(slots.bytes <= maxBytes, true);
      }
      expect([...slots.live()].map((entry) => [entry.key, entry.value]).sort()).toEqual([...held].sort());
    }
  });

  test('many leave for one that is heavy', () => {
    const slots = open({ maxEntries: 1000, maxBytes: 1000, sizeOf: (value) => value });
    for (let key = 0; key < 1000; key += 1) slots.set(`k${key}`, 1, Infinity);
    expect([slots.size, slots.bytes]).toEqual([1000, 1000]);
    slots.set('heavy', 1000, Infinity);
    expect([slots.size, slots.bytes, slots.evictions, slots.get('heavy')]).toEqual([1, 1000, 1000, 1000]);
    slots.set('k', 0.5, Infinity);
    expect([slots.size, slots.bytes, slots.peek('heavy')]).toEqual([1, 1, undefined]);
  });

  test('a size that is no number from 0 is refused, and the old value stays', () => {
    let size = 1;
    const slots = open({ sizeOf: () => size });
    slots.set('k', 'old', Infinity);
    for (size of [-1, NaN, Infinity, '5', undefined, 5n]) {
      expect(() => slots.set('k', 'new', Infinity)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    }
    expect(slots.get('k')).toBe('old');
  });

  test('who hears that an entry left may use the store at once', () => {
    const seen = [];
    const slots = open({ maxEntries: 3, onEvict(key, reason) {
      seen.push([key, reason, slots.size]);
      if (seen.length < 5) slots.set(`again:${key}`, 1, Infinity);
    } });
    for (const key of ['a', 'b', 'c', 'd']) slots.set(key, key, Infinity);
    expect(seen.map(([key, reason, size]) => [key, reason, size])).toEqual([
      ['a', 'size', 3], ['b', 'size', 3], ['c', 'size', 3], ['d', 'size', 3], ['again:a', 'size', 3]]);
    expect(slots.size).toBe(3);
  });
});

test('a million entries: filling, passing through and removing take time in proportion', () => {
  const round = (entries) => {
    const slots = new Slots({ policy: 's3fifo', maxEntries: entries });
    const began = performance.now();
    const passing = entries * 1.3;
    for (let key = 0; key < passing; key += 1) slots.set(`key:${key}`, key, Infinity);
    expect([slots.size, slots.evictions]).toEqual([entries, passing - entries]);
    for (let key = 0; key < passing; key += 1) slots.delete(`key:${key}`);
    expect(slots.size).toBe(0);
    return performance.now() - began;
  };
  round(10_000);
  const small = round(50_000);
  // 20 times as many: about 25 times as long, for want of processor cache; squared it would be 400
  expect(round(1_000_000) / small).toBeLessThan(120);
});

test('a store that nobody holds any more is collected, with what it held', async () => {
  const { out } = await runChild(`
    const { Slots } = require('./lib/cache/slots');
    const used = () => { gc(); gc(); const { heapUsed, rss } = process.memoryUsage(); return [heapUsed, rss]; };
    const round = () => { const slots = new Slots({ policy: 'tinylfu', maxEntries: 20000 }); for (let key = 0; key < 20000; key += 1) slots.set('k' + key, { key }, Infinity); };
    (async () => {
      const rest = () => new Promise((resolve) => setTimeout(resolve, 5));
      for (let at = 0; at < 10; at += 1) { round(); await rest(); }
      const before = used();
      for (let at = 0; at < 100; at += 1) { round(); used(); await rest(); }
      const after = used();
      console.log(JSON.stringify(after.map((bytes, at) => bytes - before[at] < 30e6)));
    })();`, { flags: ['--expose-gc'], ...shipped });
  expect(JSON.parse(out)).toEqual([true, true]);
});
