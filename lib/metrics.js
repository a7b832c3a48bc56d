'use strict';
// metrics(): Prometheus text of what is counted natively, by noun. A noun joins with its rows below.
const native = require('./native');
const { buffers, caches, keyedLimiters, limiters } = require('./alive');
const { CELL: COUNTED, GAUGE: HELD } = require('./batch/counts');
const { CELL, GAUGE } = require('./cache/stats');
const { ADAPTIVE, KEYED } = require('./limiter/counts');

const counter = (what, help, cells, labels = '') => ({ what: `${what}_total`, type: 'counter', help, cells: [].concat(cells), labels });
const gauge = (what, help, cells) => ({ what, type: 'gauge', help, cells: [].concat(cells), labels: '', isGauge: true });
const CACHE = [
  counter('requests', 'Logical reads.', [CELL.L1, CELL.L2, CELL.L3, CELL.MISSES]),
  counter('hits', 'Reads that a tier answered.', CELL.L1, ',tier="l1"'),
  counter('hits', '', CELL.L2, ',tier="l2"'),
  counter('hits', '', CELL.L3, ',tier="l3"'),
  counter('misses', 'Reads that no tier answered.', CELL.MISSES),
  counter('coalesced', 'Callers that waited for the load of another.', CELL.COALESCED),
  counter('negative_hits', 'Misses that were known without asking.', CELL.NEGATIVE),
  counter('stale_served', 'Reads that were served past their time to live.', CELL.STALE),
  counter('degraded', 'Times that a tier went away.', CELL.DEGRADED),
  counter('dropped_writes', 'Writes that a tier did not take.', CELL.DROPPED),
  counter('damaged', 'Values that could not be read.', CELL.DAMAGED),
  counter('invalidations', 'Keys that others changed.', CELL.INVALIDATIONS),
  counter('evictions', 'Entries that left memory for want of room.', CELL.EVICTIONS),
  gauge('memory_bytes', 'Bytes that memory holds.', GAUGE.BYTES),
  gauge('memory_entries', 'Entries that memory holds.', GAUGE.ENTRIES),
];
const BATCH = [
  counter('accepted', 'Items accepted.', COUNTED.ACCEPTED),
  counter('delivered', 'Items that a handler has taken.', COUNTED.DELIVERED),
  counter('failed', 'Items that failed for good.', COUNTED.FAILED),
  counter('dropped', 'Items that were dropped, cleared or removed.', COUNTED.DROPPED),
  counter('retried', 'Tries of items after their first.', COUNTED.RETRIED),
  counter('duplicates', 'Items that repeated the key of another.', COUNTED.DUPLICATES),
  counter('batches', 'Batches of first tries.', COUNTED.BATCHES),
  counter('calls', 'Batches handed over, with those of later tries.', COUNTED.CALLS),
  counter('saved_calls', 'Calls that one per item would have taken besides.', COUNTED.SAVED),
  gauge('size', 'Items accepted and not settled.', HELD.SIZE),
  gauge('waiting', 'Items that wait for room.', HELD.WAITING),
  gauge('in_flight', 'Batches that are with a handler.', HELD.IN_FLIGHT),
  gauge('dead_letters', 'Dead letters that are kept.', HELD.DEAD_LETTERS),
];
const LIMITER = [
  counter('requests', 'Permits asked for.', ADAPTIVE.CELL.REQUESTS),
  counter('throttled', 'Requests that had to wait.', ADAPTIVE.CELL.THROTTLED),
  counter('rejected', 'Requests that went without: refused, timed out, given up or closed.', ADAPTIVE.CELL.REJECTED),
  counter('raised', 'Times that the limit was raised.', ADAPTIVE.CELL.RAISED),
  counter('lowered', 'Times that the limit was lowered.', ADAPTIVE.CELL.LOWERED),
  gauge('limit', 'Permits per window; 0: no window.', ADAPTIVE.GAUGE.LIMIT),
  gauge('concurrency', 'Work in flight at most; 0: not limited.', ADAPTIVE.GAUGE.CONCURRENCY),
  gauge('tokens', 'Permits that are free.', ADAPTIVE.GAUGE.TOKENS),
  gauge('in_flight', 'Permits in hand.', ADAPTIVE.GAUGE.IN_FLIGHT),
  gauge('queued', 'Requests that wait.', ADAPTIVE.GAUGE.QUEUED),
];
const KEYED_LIMITER = [
  counter('allowed', 'Checks that passed.', KEYED.CELL.ALLOWED),
  counter('denied', 'Checks that did not.', KEYED.CELL.DENIED),
  counter('evicted', 'Keys that were forgotten early for want of room.', KEYED.CELL.EVICTED),
  gauge('keys', 'Keys that the table holds.', KEYED.GAUGE.KEYS),
  gauge('bytes', 'Bytes that the table holds.', KEYED.GAUGE.BYTES),
];
const NOUNS = [
  { noun: 'cache', rows: CACHE, refresh: () => caches.list().forEach((tiers) => tiers.stats.sync()) },
  { noun: 'batch', rows: BATCH, refresh: () => buffers.list().forEach((flow) => flow.counts.sync()) },
  { noun: 'limiter', rows: LIMITER, refresh: () => limiters.list().forEach((counts) => counts.sync()) },
  { noun: 'keyed_limiter', rows: KEYED_LIMITER, refresh: () => keyedLimiters.list().forEach((counts) => counts.sync()) },
];

const escaped = (name) => name.replace(/[\\"\n]/g, (char) => ({ '\\': '\\\\', '"': '\\"', '\n': '\\n' })[char]);

function text({ noun, rows, refresh }) {
  refresh();
  const counted = JSON.parse(native.counterSums(noun));
  const held = JSON.parse(native.counterSums(`${noun} gauges`)).filter(([, sums]) => sums.length > 0);
  let out = '';
  for (const { what, type, help, cells, labels, isGauge } of rows) {
    const named = isGauge ? held : counted;
    if (named.length === 0) continue;
    const metric = `sluice_${noun}_${what}`;
    if (help !== '') out += `# HELP ${metric} ${help}\n# TYPE ${metric} ${type}\n`;
    for (const [name, sums] of named) {
      out += `${metric}{name="${escaped(name)}"${labels}} ${cells.reduce((sum, cell) => sum + (sums[cell] ?? 0), 0)}\n`;
    }
  }
  return out;
}

/** What every cache, batch buffer and limiter of the process has counted, by name. */
const metrics = () => NOUNS.map(text).join('');

module.exports = { metrics };
