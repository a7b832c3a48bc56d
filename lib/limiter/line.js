'use strict';
// Those of one thread who wait, first come, first served; any of them may leave at any time. What native code knows of it is
// how many of the first want the same: a run.

/** Neighbours in line who want the same. */
class Run {
  count = 0;

  constructor(weight) {
    this.weight = weight;
  }
}

/** Links of who stands in line: `next`, `previous`, `run`; and its `weight`. */
class Line {
  first;
  #last;
  length = 0;
  /** What all of them want. */
  weight = 0;

  push(one) {
    const last = this.#last;
    const run = last !== undefined && last.weight === one.weight ? last.run : new Run(one.weight);
    run.count += 1;
    one.run = run;
    one.previous = last;
    if (last === undefined) this.first = one;
    else last.next = one;
    this.#last = one;
    this.length += 1;
    this.weight += one.weight;
  }
  /** False: it does not stand there. */
  remove(one) {
    const { previous, next, run } = one;
    if (run === undefined) return false;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    run.count -= 1;
    one.previous = one.next = one.run = undefined;
    this.length -= 1;
    this.weight -= one.weight;
    return true;
  }
  /** All of them, who stand in no line then. */
  clear() {
    const all = [];
    while (this.first !== undefined) {
      all.push(this.first);
      this.remove(this.first);
    }
    return all;
  }
}

module.exports = { Line };
