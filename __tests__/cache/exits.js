'use strict';
// A process whose engine has a Redis that nobody runs, reads once, and is not closed: it ends by itself, with code 0.
const { Engine } = require('../../lib/cache/engine');

const link = {
  urls: [process.argv[2]], sentinel: null, username: null, password: null, db: null, tls: null, keyPrefix: 'e:', connectTimeoutMs: 500,
  commandTimeoutMs: 250, breakerFailures: 5, probeMs: 100, plain: false, tracking: true, publishes: false, compressMinBytes: 0,
};
const memory = { shared: null, stores: true, maxBytes: 1 << 20, maxEntries: 0, policy: 's3fifo', ttl: 10 };
const engine = new Engine({ memory, negative: null, redis: { link, ttl: 3600, whenDown: 'serve' }, disk: null, jitter: 0 });
engine.listen(() => {}, 7);
engine.read('k', Date.now(), 0).then((found) => {
  if (found !== null) process.exitCode = 1;
});
setTimeout(() => process.exit(2), 20_000).unref();
