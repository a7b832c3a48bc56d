'use strict';
// metrics(): Prometheus text of what is counted natively, by noun. A noun joins with its rows below.
const native = require('./native');
const { CELL, GAUGE } = require('./cache/stats');
const { alive } = require('./cache/alive');

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
const NOUNS = [{ noun: 'cache', rows: CACHE, refresh: () => alive().forEach((tiers) => tiers.stats.sync()) }];

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

/** What every cache of the process has counted, by name. */
const metrics = () => NOUNS.map(text).join('');

module.exports = { metrics };
