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

const copied = (letters) => (Array.isArray(letters) ? [...letters] : letters);
/** A list of this moment; a promise of one where the store gives that. */
function lettersOf(store) {
  const letters = store.list();
  return typeof letters?.then === 'function' ? letters.then(copied) : copied(letters);
}
/** Undefined where the store answers later: nobody waits for that, nor for its failure. */
function lettersAtHand(store) {
  const letters = store.list();
  if (Array.isArray(letters)) return letters;
  void Promise.resolve(letters).catch(() => {});
  return undefined;
}

module.exports = { DeadLetterStore, lettersAtHand, lettersOf };
