'use strict';
// Where dead letters are kept unless a service has a store of its own: an array, the oldest goes first.

class DeadLetterStore {
  /** The letters themselves, oldest first; may be changed by hand. */
  letters = [];

  /** `maxSize()`: how many are kept. */
  constructor(maxSize) {
    this.maxSize = maxSize;
  }
  /** Keeps a letter, in place of one with its id. */
  add(letter) {
    const at = this.letters.findIndex(({ id }) => id === letter.id);
    if (at >= 0) this.letters[at] = letter;
    else this.letters.push(letter);
    this.letters.splice(0, Math.max(0, this.letters.length - this.maxSize()));
  }
  list() {
    return this.letters;
  }
  remove(id) {
    const at = this.letters.findIndex((letter) => letter.id === id);
    if (at >= 0) this.letters.splice(at, 1);
    return at >= 0;
  }
  clear() {
    this.letters.length = 0;
  }
}

module.exports = { DeadLetterStore };
