'use strict';
// Items that wait for their first hand-over: a queue of entries per group. The machine says "the next n of lane L".

/** Places of a queue that may be empty before it is packed. */
const SLACK = 64;

class Lane {
  number;
  group;
  /** In order of their ids, from `head` on; those that are gone are still there until they are passed or packed away. */
  #entries = [];
  #head = 0;
  #gone = 0;

  constructor(number, group) {
    this.number = number;
    this.group = group;
  }

  push(entry) {
    this.#entries.push(entry);
  }

  /** The next so many that are not gone. */
  take(count) {
    const entries = this.#entries;
    // the usual case: all that there are, or their first, none of them gone
    if (this.#gone === 0 && this.#head === 0 && entries.length === count) {
      this.#entries = [];
      return entries;
    }
    const taken = [];
    let at = this.#head;
    while (taken.length < count && at < entries.length) {
      const entry = entries[at];
      entries[at] = undefined;
      at += 1;
      if (entry.isGone) this.#gone -= 1;
      else taken.push(entry);
    }
    this.#head = at;
    this.#pack();
    return taken;
  }

  /** One that was marked as gone stays for a while. */
  skip() {
    this.#gone += 1;
    this.#pack();
  }

  #pack() {
    const { length } = this.#entries;
    if (this.#head === length) {
      this.#entries = [];
      this.#head = 0;
      this.#gone = 0;
    } else if (this.#head + this.#gone > SLACK && 2 * (this.#head + this.#gone) > length) {
      this.#entries = this.#entries.slice(this.#head).filter((entry) => !entry.isGone);
      this.#head = 0;
      this.#gone = 0;
    }
  }

  /** Those that are not gone, oldest first. */
  list() {
    return this.#entries.slice(this.#head).filter((entry) => !entry.isGone);
  }

  /** The one with that id. */
  find(id) {
    const entries = this.#entries;
    let [low, high] = [this.#head, entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entries[middle].id < id) low = middle + 1;
      else high = middle;
    }
    const entry = entries[low];
    return entry?.id === id && !entry.isGone ? entry : undefined;
  }
}

class Lanes {
  #byGroup = new Map();
  #byNumber = [];
  #free = [];

  /** The lane of a group, made when there is none. */
  of(group) {
    const known = this.#byGroup.get(group);
    if (known !== undefined) return known;
    const lane = new Lane(this.#free.pop() ?? this.#byNumber.length, group);
    this.#byGroup.set(group, lane);
    this.#byNumber[lane.number] = lane;
    return lane;
  }
  at(number) {
    return this.#byNumber[number];
  }
  /** It has no items any more: its number is for another group. */
  forget(number) {
    const lane = this.#byNumber[number];
    if (lane === undefined) return;
    this.#byGroup.delete(lane.group);
    this.#byNumber[number] = undefined;
    this.#free.push(number);
  }

  /** The entry with that id that waits for its first hand-over. */
  find(id) {
    for (const lane of this.#byGroup.values()) {
      const entry = lane.find(id);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }
  /** All that wait for their first hand-over, lane by lane. */
  list() {
    return [...this.#byGroup.values()].flatMap((lane) => lane.list());
  }
}

module.exports = { Lanes };
