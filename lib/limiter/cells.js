'use strict';
// The shared memory of a limiter: what may be taken and given back without a crossing, and the rules of that;
// docs/design/limiter.md, "Permits in shared memory". Native code's half is `cells.rs`.
const native = require('../native');
const { INBOX } = require('./boxes');

// the cells
const [LEASE, ROOM, KIND, HANDS_ON, QUEUED] = [0, 1, 2, 3, 4];
const [HAS_WINDOW, HAS_CONCURRENCY] = [1, 2];
const { REQUESTS, HELD, FULL, WAITING, LOOSE } = INBOX;
// the times
const [LEASED, ENDS, LOOK, TAKEN] = [0, 1, 2, 3];

/** What closed limiters show: nothing can be taken from it. */
const NOTHING = Int32Array.of(0, -1, HAS_WINDOW | HAS_CONCURRENCY);

/** What became of taking: it is to be asked for; the same, and room that is loose is to be given back; it has. */
const [ASK, OWES, TAKES] = [0, 1, 2];

class Cells {
  /** To take from; those of nothing once it is closed. */
  #cells;
  /** To give back to. */
  #rooms;
  #times;
  #inbox;
  #isShared;

  /** `inbox`: the thread's own; `isShared`: other threads use the cells too. */
  constructor(handle, inbox, isShared) {
    this.#inbox = inbox;
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
  /** Whether nothing is left of concurrency, and the cells are open. */
  get isFull() {
    return this.#rooms[ROOM] === 0;
  }
  /** Whether what ends may be handed on to who waits in the same thread. */
  get handsOn() {
    return this.#rooms[HANDS_ON] === 1;
  }

  // plain loads: what they say is proven by the exchange that follows, and they cost an eighth of atomic ones
  /** Takes what is there at that time, `held` of it to be released: ASK, OWES or TAKES. */
  take(weight, held, now) {
    const cells = this.#cells;
    const times = this.#times;
    if (now >= times[LOOK]) return ASK;
    const kind = cells[KIND];
    const inbox = this.#inbox;
    let isFull = false;
    if ((kind & HAS_CONCURRENCY) !== 0) {
      for (;;) {
        const room = cells[ROOM];
        if (room < weight) return ASK;
        if (this.#exchange(cells, ROOM, room, room - weight)) {
          inbox[LOOSE] += weight;
          isFull = room === weight;
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
    if ((kind & HAS_CONCURRENCY) !== 0) inbox[LOOSE] -= weight;
    if (held > 0) inbox[HELD] += held;
    inbox[REQUESTS] += 1;
    if (isFull) inbox[FULL] = 1;
    return TAKES;
  }
  /** Gives back what is loose; false: native code has to do it, since somebody waits. */
  putBack(weight) {
    const rooms = this.#rooms;
    const inbox = this.#inbox;
    if ((rooms[KIND] & HAS_CONCURRENCY) === 0) {
      inbox[LOOSE] -= weight;
      return true;
    }
    for (;;) {
      const room = rooms[ROOM];
      if (room < 0) return false;
      if (this.#exchange(rooms, ROOM, room, room + weight)) {
        inbox[LOOSE] -= weight;
        return true;
      }
    }
  }
  /** So many more stand in this thread's line, and in the lines of all threads; returns how many did there. */
  queue(by) {
    const rooms = this.#rooms;
    // both in one run: a thread that is ended between them would leave one too many or too few in line for ever
    this.#inbox[WAITING] += by;
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

module.exports = { Cells, OWES, TAKES };
