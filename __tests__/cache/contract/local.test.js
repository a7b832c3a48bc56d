'use strict';
// The contract on memory alone, disk alone, and both.
const { contract } = require('./combination');
const suites = require('./suites');

contract([
  { name: 'memory, live values', memory: { store: 'reference', maxEntries: 10_000 } },
  { name: 'memory, bytes, lru', memory: { store: 'bytes', policy: 'lru' } },
  { name: 'memory, bytes, tinylfu', memory: { store: 'bytes', policy: 'tinylfu' } },
  { name: 'memory, bytes, s3fifo', memory: { store: 'bytes', policy: 's3fifo' } },
  { name: 'memory, bytes decoded on each hit', memory: { store: 'bytes', near: false } },
  { name: 'disk', memory: false, disk: true },
  { name: 'memory and disk', disk: true },
  { name: 'memory of live values, and disk', memory: { store: 'reference' }, disk: true },
], suites);
