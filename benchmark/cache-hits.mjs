// How often a cache of a given capacity knows the answer: Zipf keys with scans of keys that come once, as exports and
// crawlers make them. The same trace for all; each is filled by its own misses. Bytes without near values in front: they
// would be capacity of their own.
import { LRUCache } from 'lru-cache';
import { createRequire } from 'node:module';
import { heading, report } from './race.mjs';
import { seeded, zipf } from './zipf.mjs';

const { TieredCache } = createRequire(import.meta.url)('..');
const [KEYS, CAPACITY, READS] = [100_000, 5_000, 1_000_000];
const [SCAN_EVERY, SCAN_LENGTH] = [50_000, 10_000];

/** Every key that is asked for, in turn. */
function* trace() {
  const drawn = zipf(KEYS, 0.9, READS, seeded(7));
  let scanned = 0;
  for (let at = 0; at < READS; at += 1) {
    if (at % SCAN_EVERY === SCAN_EVERY - 1) for (let one = 0; one < SCAN_LENGTH; one += 1) yield `scan:${(scanned += 1)}`;
    yield `key:${drawn[at]}`;
  }
}

/** The share of asked keys that were there, the first fifth left out. */
async function shareOf(get, set) {
  const total = READS + Math.floor(READS / SCAN_EVERY) * SCAN_LENGTH;
  let [asked, hits] = [0, 0];
  for (const key of trace()) {
    asked += 1;
    const there = get(key);
    if (!there) set(key);
    else if (asked > total / 5) hits += 1;
    // Caches may do upkeep between turns.
    if (asked % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return (100 * hits) / (total - total / 5);
}

const value = { id: 1, name: 'a value' };
const lru = new LRUCache({ max: CAPACITY });
const peer = await shareOf((key) => lru.get(key) !== undefined, (key) => lru.set(key, value));
const stores = { reference: ['lru', 'tinylfu', 's3fifo'], bytes: ['lru', 'tinylfu', 's3fifo'] };
heading(`Hit ratio of ${CAPACITY} entries, Zipf(0.9) of ${KEYS} keys with scans`, { 'lru-cache': 11 });
const rows = [];
for (const [store, policies] of Object.entries(stores)) {
  for (const policy of [undefined, ...policies]) {
    const memory = { store, maxEntries: CAPACITY, ...(policy && { policy }), ...(store === 'bytes' && { maxBytes: 64 * 1024 * 1024, near: false }) };
    const cache = new TieredCache({ memory, jitter: 0 });
    const ours = await shareOf((key) => cache.getSync(key) !== null, (key) => cache.setSync(key, value));
    await cache.close();
    const gained = ours - peer;
    rows.push({
      what: `hit ratio, ${store}, ${policy ?? 'default policy'}, against lru-cache`,
      'peer %': +peer.toFixed(2),
      'sluice %': +ours.toFixed(2),
      ratio: `${gained >= 0 ? '+' : ''}${gained.toFixed(2)} points`,
      'at least': policy ? '' : '+5 points',
      reached: policy ? '' : gained >= 5 ? 'yes' : 'NO',
    });
  }
}
report(rows);
