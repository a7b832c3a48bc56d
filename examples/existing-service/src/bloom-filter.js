'use strict';
// Keys that nobody has: a lookup that missed everywhere is remembered here, so that the tiers are not asked again.
const { createHash } = require('node:crypto');

class BloomFilter {
  constructor(bits = 1 << 16) {
    this.bits = bits;
    this.words = new Uint32Array(bits >>> 5);
  }

  positions(key) {
    const digest = createHash('sha1').update(key).digest();
    return [0, 4, 8].map((at) => digest.readUInt32LE(at) % this.bits);
  }

  add(key) {
    for (const bit of this.positions(key)) this.words[bit >>> 5] |= 1 << (bit & 31);
  }

  has(key) {
    return this.positions(key).every((bit) => this.words[bit >>> 5] & (1 << (bit & 31)));
  }

  clear() {
    this.words.fill(0);
  }
}

module.exports = { BloomFilter };
