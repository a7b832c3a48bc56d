'use strict';
// What a turn changes in the log, on its way there: numbers, one text and one run of bytes, so that it is one crossing
// whatever the number of items. crates/io/src/log/wire.rs reads it.
const { TAG } = require('../codec');

const [ACCEPT, COMPLETE, ATTEMPTS, BURY, REQUEUE, FORGET] = [0, 1, 2, 3, 4, 5];
const NONE = -1;
/** Of an error's text that is kept on disk. */
const MOST_ERROR_LENGTH = 10_000;
/** Text of one crossing; V8 has no strings of more than 2^29. */
const MANY_UNITS = 2 ** 26;
const noBytes = Buffer.alloc(0);
/** Numbers that there is room for at first, and that room is kept for. */
const [FEW_NUMBERS, MANY_NUMBERS] = [64, 2 ** 16];

class Changes {
  // what crosses, from the start: a list would be copied, which costs as much as writing it
  #numbers = new Float64Array(FEW_NUMBERS);
  #length = 0;
  #texts = [];
  #bytes = [];
  #units = 0;

  get isEmpty() {
    return this.#length === 0;
  }

  /** There is so much that it should go. */
  get isMuch() {
    return this.#units > MANY_UNITS;
  }

  /** `row` is `{ seq, at, tag, payload }`; `claims`: its key is claimed by it. */
  accept(row, attempts, key, claims) {
    const { payload } = row;
    this.#units += payload.length;
    this.#push(ACCEPT, row.seq, row.at, attempts, row.tag, payload.length, claims ? 1 : 0);
    if (row.tag === TAG.JSON || row.tag === TAG.TEXT) this.#texts.push(payload);
    else this.#bytes.push(payload);
    this.#text(key);
  }
  /** `seen` is `{ expires, result }` of a claimed key, with the result as JSON or null; times are wall-clock. */
  complete(seq, seen) {
    this.#push(COMPLETE, seq, seen === undefined ? NONE : seen.expires);
    this.#text(seen === undefined ? null : seen.result);
  }
  attempts(seq, attempts) {
    this.#push(ATTEMPTS, seq, attempts);
  }
  bury(seq, attempts, error, died) {
    this.#push(BURY, seq, attempts, died);
    this.#text(error.slice(0, MOST_ERROR_LENGTH).toWellFormed());
  }
  requeue(seq) {
    this.#push(REQUEUE, seq);
  }
  forget(seq) {
    this.#push(FORGET, seq);
  }
  #text(text) {
    this.#push(text === null ? NONE : text.length);
    if (text !== null) this.#texts.push(text);
  }

  #push(...numbers) {
    if (this.#length + numbers.length > this.#numbers.length) {
      const more = new Float64Array(2 * this.#numbers.length);
      more.set(this.#numbers);
      this.#numbers = more;
    }
    for (let at = 0; at < numbers.length; at += 1) this.#numbers[this.#length + at] = numbers[at];
    this.#length += numbers.length;
  }

  /** All of it, as it crosses: the numbers are good until the next change. */
  take() {
    const taken = [this.#numbers.subarray(0, this.#length), this.#texts.join(''), this.#bytes.length === 0 ? noBytes : Buffer.concat(this.#bytes)];
    if (this.#numbers.length > MANY_NUMBERS) this.#numbers = new Float64Array(FEW_NUMBERS);
    this.#length = 0;
    this.#texts = [];
    this.#bytes = [];
    this.#units = 0;
    return taken;
  }
}

module.exports = { Changes };
