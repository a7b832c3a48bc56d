'use strict';
const { seeded, below } = require('./random');

/** Cuts bytes at the given offsets; each piece has memory of its own, as reads from a socket do. */
function cut(bytes, offsets) {
  const pieces = [];
  let from = 0;
  for (const offset of [...offsets, bytes.length]) {
    pieces.push(Buffer.from(bytes.subarray(from, offset)));
    from = offset;
  }
  return pieces;
}

/** Every way to cut into two, the empty ends included. */
function* everyTwo(bytes) {
  for (let offset = 0; offset <= bytes.length; offset += 1) {
    yield cut(bytes, [offset]);
  }
}

/** `count` ways to cut into many, by a seed: some into few large pieces, some into crumbs. */
function* randomMany(bytes, count, seed) {
  const random = seeded(seed);
  for (let round = 0; round < count; round += 1) {
    const pieces = 2 + below(random, Math.max(2, Math.min(400, round % 3 === 0 ? bytes.length : 24)));
    const offsets = Array.from({ length: pieces - 1 }, () => below(random, bytes.length + 1));
    yield cut(
      bytes,
      offsets.sort((left, right) => left - right),
    );
  }
}

/** One byte at a time. */
const byteByByte = (bytes) => Array.from(bytes, (byte) => Buffer.of(byte));

/** Reads of a fixed size. */
function ofSize(bytes, size) {
  const offsets = [];
  for (let offset = size; offset < bytes.length; offset += size) {
    offsets.push(offset);
  }
  return cut(bytes, offsets);
}

module.exports = { cut, everyTwo, randomMany, byteByByte, ofSize };
