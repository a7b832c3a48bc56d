'use strict';
const { below, pick } = require('./random');

const INSERTED = [
  '\n',
  '\r',
  '\n\n',
  '"',
  '\\',
  '{',
  '}',
  ']',
  ':',
  'data: ',
  'null',
  '0',
  '\0',
  '\ufeff',
  '[DONE]',
  '\\ud800',
].map((text) => Buffer.from(text));
const INVALID = [Buffer.of(0xff), Buffer.of(0xc3), Buffer.of(0xed, 0xa0, 0x80)];

const WAYS = [
  (bytes, at, random) => Buffer.concat([bytes.subarray(0, at), pick(random, INSERTED), bytes.subarray(at)]),
  (bytes, at, random) => Buffer.concat([bytes.subarray(0, at), pick(random, INVALID), bytes.subarray(at)]),
  (bytes, at, random) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 20))]),
  (bytes, at, random) =>
    Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 1 - below(random, 60)))]),
  (bytes, at, random) => {
    const flipped = Buffer.from(bytes);
    flipped[Math.min(at, bytes.length - 1)] ^= 1 << below(random, 8);
    return flipped;
  },
];

/** The bytes with one or two things wrong somewhere, by a generator. */
function damage(bytes, random) {
  let damaged = bytes;
  for (let count = 1 + below(random, 2); count > 0; count -= 1) {
    damaged = pick(random, WAYS)(damaged, below(random, damaged.length), random);
  }
  return damaged;
}

module.exports = { damage };
