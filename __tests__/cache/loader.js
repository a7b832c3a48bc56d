'use strict';
// A process that loads a key as the shell does: one of several on one disk.
const { Engine } = require('../../lib/cache/engine');

const [folder, now] = [process.argv[2], Number(process.argv[3])];
const memory = { shared: null, stores: true, maxBytes: 1 << 20, maxEntries: 0, policy: 's3fifo', ttl: 10 };
const engine = new Engine({ memory, negative: null, redis: null, disk: { path: folder, ttl: 86400, maxBytes: 1 << 28, compressMinBytes: 0 }, jitter: 0 });
let loads = 0;

async function load() {
  for (;;) {
    const found = await engine.read('k', now, 0);
    if (found !== null) return found.payload;
    const epoch = engine.epoch('k');
    const token = await engine.lease('k', now, 20_000);
    if (token === 0) continue;
    loads += 1;
    await new Promise((resolve) => setTimeout(resolve, 300));
    await engine.write('k', 1, 'loaded', now, { ttl: 60, jitter: -1 }, undefined, 0, { epoch, token });
    engine.release('k', token);
    return 'loaded';
  }
}
engine
  .start()
  .then(load)
  .then(async (value) => {
    await engine.close();
    process.send({ value, loads }, () => process.disconnect());
  });
