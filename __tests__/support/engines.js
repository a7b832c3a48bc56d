'use strict';
// What suites of the engine share: engines that are closed after each test, and calls on them in short.
const { Engine } = require('../../lib/cache/engine');

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
const set = (one, key, value, { ttl = 60, now = NOW, flags = 0, tags, guard, ...life } = {}) =>
  one.write(key, TEXT, value, now, { ttl, jitter: -1, ...life }, tags, flags, guard);
const payload = async (one, key, now = NOW, flags = 0) => (await one.read(key, now, flags))?.payload ?? null;
/** Closes what was opened. */
const closeAll = () => Promise.all(open.splice(0).map((one) => one.close()));

module.exports = { NOW, SKIP_MEMORY, SKIP_REDIS, JSON_TAG, TEXT, BYTES, memory, sleep, eventually, engine, set, payload, closeAll };
