'use strict';
// Deadlines, the earliest first: a binary heap that knows each one's place, so that who leaves early leaves nothing behind.

/** Of objects with `until`; `place` is the heap's, -1 outside of it. */
class Deadlines {
  #heap = [];
  #count = 0;

  get first() {
    return this.#heap[0];
  }
  /** Of equal ones the older comes first. */
  add(one) {
    one.order = this.#count += 1;
    this.#up(this.#heap.length, one);
  }
  remove(one) {
    const { place } = one;
    if (place < 0) return;
    one.place = -1;
    const last = this.#heap.pop();
    if (last === one) return;
    if (place > 0 && isBefore(last, this.#heap[(place - 1) >> 1])) this.#up(place, last);
    else this.#down(place, last);
  }
  #up(place, one) {
    const heap = this.#heap;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(one, heap[parent])) break;
      this.#put(place, heap[parent]);
      place = parent;
    }
    this.#put(place, one);
  }
  #down(place, one) {
    const heap = this.#heap;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], one)) break;
      this.#put(place, heap[child]);
      place = child;
    }
    this.#put(place, one);
  }
  #put(place, one) {
    this.#heap[place] = one;
    one.place = place;
  }
}
const isBefore = (one, other) => one.until < other.until || (one.until === other.until && one.order < other.order);

module.exports = { Deadlines };
