'use strict';
// The shared memory of a limiter: what may be taken and given back without a crossing, and the rules of that;
// docs/design/limiter.md, "Permits in shared memory". Native code's half is `cells.rs`.
const native = require('../native');

// the cells
const [LEASE, ROOM, KIND, HANDS_ON, QUEUED] = [0, 1, 2, 3, 4];
const [HAS_WINDOW, HAS_CONCURRENCY] = [1, 2];
// the times
const [LEASED, ENDS, LOOK, TAKEN] = [0, 1, 2, 3];

/** What closed limiters show: nothing can be taken from it. */
const NOTHING = Int32Array.of(0, -1, HAS_WINDOW | HAS_CONCURRENCY);

/** What became of taking: it is to be asked for; the same, and the room that it has is to be given back; it has; it has the last. */
const [ASK, OWES, TAKES, FILLS] = [0, 1, 2, 3];

class Cells {
  /** To take from; those of nothing once it is closed. */
  #cells;
  /** To give back to. */
  #rooms;
  #times;
  #isShared;

  /** `isShared`: other threads use them too. */
  constructor(handle, isShared) {
    this.#cells = this.#rooms = new Int32Array(native.limiterCells(handle));
    this.#times = new Float64Array(native.limiterTimes(handle));
    this.#isShared = isShared;
  }
  get isOpen() {
    return this.#cells !== NOTHING;
  }
  close() {
    this.#cells = NOTHING;
  }
  /** When native code is to be asked at the latest; Infinity: never. */
  get lookAt() {
    return this.#times[LOOK];
  }
  /** Whether what ends may be handed on to who waits in the same thread. */
  get handsOn() {
    return this.#rooms[HANDS_ON] === 1;
  }

  // plain loads: what they say is proven by the exchange that follows, and they cost an eighth of atomic ones
  /** Takes what is there at that time: ASK, OWES, TAKES or FILLS. */
  take(weight, now) {
    const cells = this.#cells;
    const times = this.#times;
    if (now >= times[LOOK]) return ASK;
    const kind = cells[KIND];
    let taken = TAKES;
    if ((kind & HAS_CONCURRENCY) !== 0) {
      for (;;) {
        const room = cells[ROOM];
        if (room < weight) return ASK;
        if (this.#exchange(cells, ROOM, room, room - weight)) {
          if (room === weight) taken = FILLS;
          break;
        }
      }
    }
    if ((kind & HAS_WINDOW) !== 0) {
      for (;;) {
        const lease = now >= times[LEASED] && now <= times[ENDS] ? cells[LEASE] : 0;
        if (lease < weight) return (kind & HAS_CONCURRENCY) !== 0 ? OWES : ASK;
        const left = lease - weight;
        if (this.#exchange(cells, LEASE, lease, left)) {
          times[TAKEN + left] = now;
          break;
        }
      }
    }
    return taken;
  }
  /** Gives room back; false: native code has to do it, since somebody waits. */
  putBack(weight) {
    const rooms = this.#rooms;
    if ((rooms[KIND] & HAS_CONCURRENCY) === 0) return true;
    for (;;) {
      const room = rooms[ROOM];
      if (room < 0) return false;
      if (this.#exchange(rooms, ROOM, room, room + weight)) return true;
    }
  }
  /** So many more stand in the lines of all threads; returns how many did. */
  queue(by) {
    const rooms = this.#rooms;
    if (this.#isShared) return Atomics.add(rooms, QUEUED, by);
    const before = rooms[QUEUED];
    rooms[QUEUED] = before + by;
    return before;
  }
  /** Puts `to` there if `from` is there; where nobody else can come between, without the price of that. */
  #exchange(cells, place, from, to) {
    if (this.#isShared) return Atomics.compareExchange(cells, place, from, to) === from;
    cells[place] = to;
    return true;
  }
}

module.exports = { Cells, OWES, TAKES, FILLS };
