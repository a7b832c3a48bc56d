'use strict';
// Live values by key: all of memory for `store: 'reference'`, and the near cache in front of bytes. A hit is one probe of
// a Map and a few comparisons: no crossing, no allocation. Native code keeps the policy: it knows an entry by a slot
// number, hears of hits in batches, and names the slots that have to leave.
const native = require('../native');
const { make } = require('../errors');
const { clockOf, freshTick, realNow } = require('../clock');
const { Homes, MOVED } = require('./homes');
const { TagIndex } = require('./tag-index');

const POLICIES = { lru: 0, lfu: 1, tinylfu: 1, s3fifo: 2 };
// as in src/cache/slots.rs: hits, then how many left, then which
const RING = 1024;
const LISTED = 64;
/** Hits between two looks at the clock. */
const BEAT = 64;
/** The mark of what has to be asked for whether it still holds: before all ticks. */
const DOUBTED = -(2 ** 31);
const NO_TAGS = [];

/** An array of the same kind and twice as long, that begins as the old one. */
function doubled(numbers) {
  const larger = new numbers.constructor(numbers.length * 2);
  larger.set(numbers);
  return larger;
}

class Slots {
  /** Slots by key; all else is by slot, in arrays, so that a hit reads little memory. */
  #slots = new Map();
  #keys = [];
  #values = [];
  /** The last tick of the clock at which an entry is certainly fresh. */
  #marks = new Int32Array(16);
  /** The last millisecond at which an entry is fresh, and at which it may be served stale. */
  #times = new Float64Array(32);
  /** The values' own deadlines, once one is later than the time until which it is fresh here. */
  #ends;
  #weights;
  #tags;
  #table;
  #shared;
  #filled = 0;
  #now;
  #clock;
  #ticks;
  /** Where epochs decide whether an entry still holds. */
  #homes;
  #sizeOf;
  #maxBytes;
  #bytes = 0;
  #evictions = 0;

  /**
   * `policy`, `maxEntries`; `maxBytes` with `sizeOf`; `now` when the application gave a clock; `cells` where epochs
   * decide whether an entry still holds; `prefix`, put before keys when they are hashed; `behind`, the native engine
   * whose memory is told of hits; `onEvict(key, reason)`, reason 'size' or 'expired', called when all else is done.
   */
  constructor({ policy, maxEntries, maxBytes = Infinity, sizeOf, now, cells, prefix = '', behind, onEvict }) {
    this.#table = native.slotsOpen(POLICIES[policy], maxEntries, sizeOf ? maxBytes : Infinity, prefix, behind);
    this.#shared = new Int32Array(native.slotsCells(this.#table));
    this.#now = now;
    this.#clock = clockOf(now);
    this.#ticks = this.#clock.ticks;
    this.#homes = cells === undefined ? undefined : new Homes(cells);
    this.#sizeOf = sizeOf;
    this.#weights = sizeOf === undefined ? undefined : new Float64Array(16);
    this.#maxBytes = maxBytes;
    /** Who hears of what leaves; undefined: nobody. */
    this.onEvict = onEvict;
  }

  /** The value of a key while it is fresh, as a use and a hit; undefined when there is none. */
  get(key) {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    const homes = this.#homes;
    if (homes !== undefined && homes.cells[MOVED] !== homes.heard) this.#hear();
    // `>=` lets what has no deadline pass while the ticks are parked, too
    if (!(this.#marks[slot] >= this.#ticks[0] && Date.now === realNow) && !this.#isFresh(slot)) return undefined;
    this.#use(slot);
    return this.#values[slot];
  }

  /** `{ key, value, deadline, staleUntil, end }` while it is fresh; neither a use nor a hit. */
  peek(key) {
    const entry = this.peekStale(key);
    return entry !== undefined && (entry.deadline === Infinity || this.#clock.read() <= entry.deadline) ? entry : undefined;
  }

  /** The same while it may be served stale. */
  peekStale(key) {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    if (!this.#isThere(slot)) return undefined;
    const staleUntil = this.#times[2 * slot + 1];
    if (staleUntil === Infinity || this.#clock.read() <= staleUntil) return this.#entry(slot);
    return this.#expire(slot);
  }

  /** Holds a value; false when it is heavier than all room, and then nothing is held under its key. */
  set(key, value, deadline, staleUntil = deadline, tags = NO_TAGS) {
    return this.#put(key, value, deadline, staleUntil, tags, 0, 0, deadline);
  }

  /**
   * Holds another value under a key that is there, from now on for so many milliseconds; false where there is more to it
   * than that, and then nothing has been done.
   */
  renew(key, value, lifetime) {
    const slot = this.#slots.get(key);
    if (slot === undefined || this.#sizeOf !== undefined || this.#tags !== undefined || this.#homes !== undefined) return false;
    const deadline = (this.#now === undefined ? Date.now() : this.#now()) + lifetime;
    this.#use(slot);
    this.#values[slot] = value;
    this.#times[2 * slot] = this.#times[2 * slot + 1] = deadline;
    this.#marks[slot] = freshTick(deadline);
    return true;
  }

  /** Holds a value for as long as the epoch of its cell, and the era, are those of `moment`. `end`: its own deadline, where it is fresh here for less. */
  fill(key, value, deadline, staleUntil, cell, moment, tags = NO_TAGS, end = deadline) {
    return this.#put(key, value, deadline, staleUntil, tags, cell, moment, end);
  }

  /** Removes a key; true when it was there and fresh. */
  delete(key) {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    const deadline = this.#times[2 * slot];
    const wasFresh = this.#isThere(slot) && (deadline === Infinity || this.#clock.read() <= deadline);
    this.#remove(slot);
    return wasFresh;
  }

  clear() {
    this.#takeRing();
    native.slotsClear(this.#table);
    this.#homes?.clear();
    this.#slots.clear();
    this.#keys = [];
    this.#values = [];
    this.#tags?.clear();
    this.#bytes = 0;
  }

  /** Entries that are fresh, as `peek` gives them; what is deleted or set meanwhile is as in a Map. */
  *live() {
    const now = this.#clock.read();
    for (const slot of this.#slots.values()) {
      if (now <= this.#times[2 * slot] && this.#isThere(slot)) yield this.#entry(slot);
    }
  }

  /** All keys that it holds, however old what they hold is. */
  keys() {
    return this.#slots.keys();
  }

  /** Keys that were set with a tag. */
  tagged(tag) {
    return this.#tags?.keys(tag) ?? [];
  }

  /** Entries, those that expired or changed elsewhere and were not asked for since among them. */
  get size() {
    return this.#slots.size;
  }

  /** What they weigh by `sizeOf`. */
  get bytes() {
    return this.#bytes;
  }

  /** Entries that left for want of room. */
  get evictions() {
    return this.#evictions;
  }

  #entry(slot) {
    const [deadline, staleUntil] = [this.#times[2 * slot], this.#times[2 * slot + 1]];
    return { key: this.#keys[slot], value: this.#values[slot], deadline, staleUntil, end: this.#ends === undefined ? deadline : this.#ends[slot] };
  }

  /** Whether it has not been dropped and holds, however old it is. */
  #isThere(slot) {
    if (this.#values[slot] === undefined) return false;
    if (this.#homes === undefined || this.#homes.holds(slot)) return true;
    this.#drop(slot);
    return false;
  }

  /** Epochs have moved: what they concern is dropped, or all is doubted. */
  #hear() {
    if (!this.#homes.hear((slot) => this.#drop(slot))) this.#marks.fill(DOUBTED);
  }

  #isFresh(slot) {
    if (this.#marks[slot] === DOUBTED) {
      if (!this.#isThere(slot)) return false;
      this.#marks[slot] = freshTick(this.#times[2 * slot]);
    }
    const deadline = this.#times[2 * slot];
    if (deadline === Infinity) return true;
    const now = this.#clock.read();
    if (now <= deadline) return true;
    if (now > this.#times[2 * slot + 1]) this.#expire(slot);
    return false;
  }

  #use(slot) {
    const at = this.#filled;
    this.#shared[at] = slot;
    this.#filled = at + 1;
    if ((at & (BEAT - 1)) === BEAT - 1) this.#beat(at);
  }
  #beat(at) {
    this.#clock.beat();
    if (at === RING - 1) native.slotsTouch(this.#table, this.#takeRing());
  }

  /** How much of the ring native code has to take in, which the caller tells it. */
  #takeRing() {
    const filled = this.#filled;
    this.#filled = 0;
    return filled;
  }

  #put(key, value, deadline, staleUntil, tags, cell, moment, end) {
    const weight = this.#sizeOf === undefined ? 0 : this.#weigh(value, key);
    let slot = this.#slots.get(key);
    let left;
    if (slot === undefined) {
      slot = native.slotsAdmit(this.#table, key, weight, this.#takeRing());
      if (slot < 0) return false;
      if (this.#shared[RING] > 0) left = this.#takeLeft();
      while (slot >= this.#marks.length) this.#grow();
      this.#homes?.place(slot, cell, moment, true);
      this.#slots.set(key, slot);
      this.#keys[slot] = key;
      this.#bytes += weight;
    } else {
      this.#homes?.place(slot, cell, moment, false);
      if (this.#sizeOf !== undefined && weight !== this.#weights[slot]) {
        if (weight > this.#maxBytes) {
          this.#remove(slot);
          return false;
        }
        native.slotsResize(this.#table, slot, weight, this.#takeRing());
        if (this.#shared[RING] > 0) left = this.#takeLeft();
        this.#bytes += weight - this.#weights[slot];
      }
      this.#use(slot);
    }
    this.#values[slot] = value;
    this.#times[2 * slot] = deadline;
    this.#times[2 * slot + 1] = staleUntil;
    this.#marks[slot] = this.#homes === undefined || this.#homes.holds(slot) ? freshTick(deadline) : DOUBTED;
    if (this.#weights !== undefined) this.#weights[slot] = weight;
    if (end !== deadline && this.#ends === undefined) this.#ends = this.#times.filter((_, at) => at % 2 === 0);
    if (this.#ends !== undefined) this.#ends[slot] = end;
    if (tags.length > 0 || this.#tags !== undefined) (this.#tags ??= new TagIndex()).set(key, tags);
    if (left !== undefined) for (const gone of left) this.onEvict(gone, 'size');
    return true;
  }

  #grow() {
    this.#marks = doubled(this.#marks);
    this.#times = doubled(this.#times);
    if (this.#weights !== undefined) this.#weights = doubled(this.#weights);
    if (this.#ends !== undefined) this.#ends = doubled(this.#ends);
  }

  #weigh(value, key) {
    const weight = this.#sizeOf(value, key);
    if (typeof weight === 'number' && weight >= 0 && weight < Infinity) return Math.ceil(weight);
    throw make('OptionRange', { option: 'sizeOf', range: 'a function whose results are numbers from 0', value: String(weight) });
  }

  /** Forgets what native code says has left; the keys, if somebody wants to hear of them. */
  #takeLeft() {
    const gone = this.onEvict === undefined ? undefined : [];
    for (;;) {
      const count = this.#shared[RING];
      for (let at = RING + 1; at <= RING + count; at += 1) {
        const slot = this.#shared[at];
        gone?.push(this.#keys[slot]);
        this.#forget(slot);
      }
      this.#evictions += count;
      if (count < LISTED) return gone;
      native.slotsMore(this.#table);
    }
  }

  #forget(slot) {
    const key = this.#keys[slot];
    this.#slots.delete(key);
    this.#homes?.remove(slot);
    this.#tags?.set(key, NO_TAGS);
    this.#keys[slot] = undefined;
    this.#values[slot] = undefined;
    if (this.#weights !== undefined) this.#bytes -= this.#weights[slot];
  }

  /** What has changed elsewhere: the slot is kept for what the next read finds. */
  #drop(slot) {
    this.#values[slot] = undefined;
    this.#marks[slot] = DOUBTED;
  }

  #remove(slot) {
    native.slotsRemove(this.#table, slot, this.#takeRing());
    this.#forget(slot);
  }

  #expire(slot) {
    const key = this.#keys[slot];
    this.#remove(slot);
    this.onEvict?.(key, 'expired');
  }
}

module.exports = { Slots };
