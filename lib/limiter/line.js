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

/** Those in it have `next`, `previous`, `run` (undefined while they stand in none) and their `weight`. */
class Line {
  // a ring that it closes; being one like all others it keeps their shape known while nobody waits
  #end;
  length = 0;
  /** What all of them want. */
  weight = 0;

  /** `end` never leaves. */
  constructor(end) {
    this.#end = end;
    end.next = end.previous = end;
    end.run = new Run(0);
  }
  get first() {
    return this.length === 0 ? undefined : this.#end.next;
  }
  push(one) {
    const end = this.#end;
    const last = end.previous;
    const run = last.run.weight === one.weight ? last.run : new Run(one.weight);
    run.count += 1;
    one.run = run;
    one.previous = last;
    one.next = end;
    last.next = end.previous = one;
    this.length += 1;
    this.weight += one.weight;
  }
  /** False: it does not stand there. */
  remove(one) {
    const { previous, next, run } = one;
    if (run === undefined) return false;
    previous.next = next;
    next.previous = previous;
    run.count -= 1;
    one.previous = one.next = one.run = undefined;
    this.length -= 1;
    this.weight -= one.weight;
    return true;
  }
  /** All of them, who stand in no line then. */
  clear() {
    const all = [];
    while (this.length > 0) {
      all.push(this.first);
      this.remove(this.first);
    }
    return all;
  }
}

module.exports = { Line };
