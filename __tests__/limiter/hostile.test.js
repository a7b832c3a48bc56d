'use strict';
// A stream of fresh keys without end: the memory of the whole process stays within what `maxBytes` allows, and no key that
// is at its limit gets free. SLUICE_KEYS=10000000 for the long run.
const { runChild } = require('../child');

const KEYS = Number(process.env.SLUICE_KEYS ?? 1_000_000);
const MIB = 2 ** 20;

test.each(['exact', 'counter', 'gcra'])(`'%s': ${KEYS} fresh keys`, async (algorithm) => {
  const { code, out, err } = await runChild(`
    const maxBytes = 16 * ${MIB};
    const limiter = new sluice.KeyedLimiter({ windowMs: 600_000, maxRequests: 5, maxKeys: 2 ** 24 - 1, maxBytes, algorithm: '${algorithm}' });
    const victims = Array.from({ length: 1000 }, (_, at) => 'victim ' + at);
    for (const victim of victims) for (let count = 0; count < 5; count += 1) limiter.checkLimit(victim);
    const bytesOf = () => { const { rss, heapUsed, external } = process.memoryUsage(); return { rss, heapUsed, external }; };
    let key = 0;
    const send = (count) => {
      for (const end = key + count; key < end; ) limiter.checkMany(Array.from({ length: 1000 }, () => 'fresh ' + (key += 1)));
    };
    // the table is full, JavaScript has warmed up
    send(${KEYS / 4});
    gc();
    const before = bytesOf();
    let [most, freed] = [0, 0];
    for (let part = 0; part < 30; part += 1) {
      send(${KEYS / 40});
      most = Math.max(most, limiter.bytes);
      // a thirtieth of them is looked at now, the others grow old
      for (let at = part; at < victims.length; at += 30) if (limiter.checkLimit(victims[at])) freed += 1;
    }
    gc();
    const after = bytesOf();
    freed += victims.filter((victim) => limiter.checkLimit(victim)).length;
    const grown = Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]));
    console.log(JSON.stringify({ sent: key, most, maxBytes, freed, grown, size: limiter.size, evicted: limiter.getStats().evicted }));
  `, { flags: ['--expose-gc'] });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const { sent, most, maxBytes, freed, grown, size, evicted } = JSON.parse(out);
  expect(sent).toBeGreaterThanOrEqual(KEYS * 0.99);
  expect(freed).toBe(0);
  expect(most).toBeLessThanOrEqual(maxBytes);
  // it uses what it may: 64 bytes a key
  expect(size).toBeGreaterThan(Math.min(maxBytes / 64, KEYS) * 0.9);
  expect(evicted + size).toBeGreaterThan(sent * 0.99);
  expect(grown.heapUsed).toBeLessThan(2 * MIB);
  expect(grown.rss).toBeLessThan(24 * MIB);
});
