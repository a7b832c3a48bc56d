'use strict';
// Live values by key: all of memory for `store: 'reference'`, and the near cache in front of bytes. A hit is one probe of
// a Map and a few comparisons: no crossing, no allocation. Native code keeps the policy: it knows an entry by a slot
// number, hears of hits in batches, and names the slots that have to leave.
const native = require('../native');
const { make } = require('../errors');
const { clockOf, freshTick, realNow } = require('../clock');
const { TagIndex } = require('./tag-index');

const POLICIES = { lru: 0, lfu: 1, tinylfu: 1, s3fifo: 2 };
// as in src/cache/slots.rs: hits, then how many left, then which
const RING = 1024;
const LISTED = 64;
/** Hits between two looks at the clock. */
const BEAT = 64;
/** A Map of V8 holds 2^24 entries, and needs room to delete. */
const MOST_ENTRIES = 15_000_000;
/** Eras cross within moments, in 21 bits. */
const ERA_BITS = 0x1fffff;
const NO_TAGS = [];

/** What is held of a key. It changes when the key is set again: not to be kept beyond the turn. */
class Entry {
  constructor(key, slot) {
    this.key = key;
    this.slot = slot;
    this.value = undefined;
    /** The last tick of the clock at which it is certainly fresh. */
    this.freshTick = 0;
    this.cell = 0;
    this.epoch = 0;
    this.era = 0;
    this.weight = 0;
    this.tags = NO_TAGS;
    /** The last millisecond at which it is fresh, and at which it may be served stale. */
    this.deadline = 0.5;
    this.staleUntil = 0.5;
  }
}

class Slots {
  #entries = new Map();
  #bySlot = [];
  #table;
  #shared;
  #filled = 0;
  #notedBefore = 0;
  #notedSets = 0;
  #clock;
  #ticks;
  #cells;
  #eraIndex;
  #sizeOf;
  #maxBytes;
  #onEvict;
  #tags;
  #bytes = 0;
  #evictions = 0;

  /**
   * `policy`, `maxEntries`; `maxBytes` with `sizeOf`; `now` when the application gave a clock; `cells` and `eraIndex`
   * where epochs decide whether an entry still holds; `prefix`, put before keys when they are hashed;
   * `onEvict(key, reason)`, reason 'size' or 'expired', called when all else is done.
   */
  constructor({ policy, maxEntries, maxBytes = Infinity, sizeOf, now, cells, eraIndex = 0, prefix = '', onEvict }) {
    this.#table = native.slotsOpen(POLICIES[policy], Math.min(maxEntries, MOST_ENTRIES), sizeOf ? maxBytes : Infinity, prefix);
    this.#shared = new Int32Array(native.slotsCells(this.#table));
    this.#clock = clockOf(now);
    this.#ticks = this.#clock.ticks;
    this.#cells = cells;
    this.#eraIndex = eraIndex;
    this.#sizeOf = sizeOf;
    this.#maxBytes = maxBytes;
    this.#onEvict = onEvict;
  }

  /** The fresh entry of a key, as a use and a hit; undefined when there is none. */
  lookup(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#cells !== undefined && !this.#holds(entry)) return this.#remove(entry);
    // `>=` lets what has no deadline pass while the ticks are parked, too
    if (!(entry.freshTick >= this.#ticks[0] && Date.now === realNow) && !this.#isFresh(entry)) return undefined;
    const at = this.#filled;
    this.#shared[at] = entry.slot;
    this.#filled = at + 1;
    if ((at & (BEAT - 1)) === BEAT - 1) this.#beat(at);
    return entry;
  }

  /** The fresh entry of a key; neither a use nor a hit. */
  peek(key) {
    const entry = this.peekStale(key);
    return entry !== undefined && (entry.deadline === Infinity || this.#clock.read() <= entry.deadline) ? entry : undefined;
  }

  /** The entry of a key while it may be served stale; neither a use nor a hit. */
  peekStale(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#cells !== undefined && !this.#holds(entry)) return this.#remove(entry);
    if (entry.staleUntil === Infinity || this.#clock.read() <= entry.staleUntil) return entry;
    this.#expire(entry);
    return undefined;
  }

  /** Holds a value; false when it is heavier than all room, and then nothing is held under its key. */
  set(key, value, deadline, staleUntil = deadline, tags = NO_TAGS) {
    return this.#put(key, value, deadline, staleUntil, tags, 0, 0, 0);
  }

  /** Holds a value for as long as the epoch of its cell, and the era, are those of `moment`. */
  fill(key, value, deadline, staleUntil, cell, moment, tags = NO_TAGS) {
    return this.#put(key, value, deadline, staleUntil, tags, cell, moment | 0, Math.floor(moment / 2 ** 32) & ERA_BITS);
  }

  /** Removes a key; true when it was there and fresh. */
  delete(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    const wasFresh = (this.#cells === undefined || this.#holds(entry)) && (entry.deadline === Infinity || this.#clock.read() <= entry.deadline);
    this.#remove(entry);
    return wasFresh;
  }

  clear() {
    this.#noteAll();
    native.slotsClear(this.#table);
    this.#entries.clear();
    this.#bySlot = [];
    this.#tags?.clear();
    this.#bytes = 0;
  }

  /** Entries that are fresh; what is deleted or set meanwhile is as in a Map. */
  *live() {
    const now = this.#clock.read();
    for (const entry of this.#entries.values()) {
      if (now <= entry.deadline && (this.#cells === undefined || this.#holds(entry))) yield entry;
    }
  }

  /** Keys that were set with a tag. */
  tagged(tag) {
    return this.#tags?.keys(tag) ?? [];
  }

  /** Entries, those that expired and were not asked for since among them. */
  get size() {
    return this.#entries.size;
  }

  /** Who hears of what leaves; undefined: nobody. */
  set onEvict(listener) {
    this.#onEvict = listener;
  }

  /** What they weigh by `sizeOf`. */
  get bytes() {
    return this.#bytes;
  }

  /** Entries that left for want of room. */
  get evictions() {
    return this.#evictions;
  }

  /** How many lookups found something. */
  get hits() {
    return this.#notedBefore + this.#filled - this.#notedSets;
  }

  #holds(entry) {
    const cells = this.#cells;
    return cells[entry.cell] === entry.epoch && (cells[this.#eraIndex] & ERA_BITS) === entry.era;
  }

  #isFresh(entry) {
    if (entry.deadline === Infinity) return true;
    const now = this.#clock.read();
    if (now <= entry.deadline) return true;
    if (now > entry.staleUntil) this.#expire(entry);
    return false;
  }

  #beat(at) {
    this.#clock.beat();
    if (at === RING - 1) native.slotsTouch(this.#table, this.#noteAll());
  }

  /** How much of the ring native code has to take in; the caller sees to it. */
  #noteAll() {
    const filled = this.#filled;
    this.#filled = 0;
    this.#notedBefore += filled;
    return filled;
  }

  #put(key, value, deadline, staleUntil, tags, cell, epoch, era) {
    const weight = this.#sizeOf === undefined ? 0 : this.#weigh(value, key);
    let entry = this.#entries.get(key);
    let left;
    if (entry === undefined) {
      const slot = native.slotsAdmit(this.#table, key, weight, this.#noteAll());
      if (slot < 0) return false;
      if (this.#shared[RING] > 0) left = this.#takeLeft();
      entry = new Entry(key, slot);
      entry.weight = weight;
      this.#bytes += weight;
      this.#entries.set(key, entry);
      this.#bySlot[slot] = entry;
    } else {
      if (weight !== entry.weight) {
        if (weight > this.#maxBytes) {
          this.#remove(entry);
          return false;
        }
        native.slotsResize(this.#table, entry.slot, weight, this.#noteAll());
        if (this.#shared[RING] > 0) left = this.#takeLeft();
        this.#bytes += weight - entry.weight;
        entry.weight = weight;
      }
      const at = this.#filled;
      this.#shared[at] = entry.slot;
      this.#filled = at + 1;
      this.#notedSets += 1;
      if ((at & (BEAT - 1)) === BEAT - 1) this.#beat(at);
    }
    entry.value = value;
    entry.freshTick = freshTick(deadline);
    entry.cell = cell;
    entry.epoch = epoch;
    entry.era = era;
    entry.deadline = deadline;
    entry.staleUntil = staleUntil;
    if (entry.tags !== tags) this.#retag(entry, tags);
    if (left !== undefined) for (const gone of left) this.#onEvict(gone.key, 'size');
    return true;
  }

  #weigh(value, key) {
    const weight = this.#sizeOf(value, key);
    if (typeof weight === 'number' && weight >= 0 && weight < Infinity) return Math.ceil(weight);
    throw make('OptionRange', { option: 'sizeOf', range: 'a function whose results are numbers from 0', value: String(weight) });
  }

  #retag(entry, tags) {
    this.#tags ??= new TagIndex();
    this.#tags.remove(entry.key, entry.tags);
    entry.tags = tags.length === 0 ? NO_TAGS : [...tags];
    this.#tags.add(entry.key, entry.tags);
  }

  /** Forgets what native code says has left; those entries, if somebody wants to hear of them. */
  #takeLeft() {
    const gone = this.#onEvict === undefined ? undefined : [];
    for (;;) {
      const count = this.#shared[RING];
      for (let at = RING + 1; at <= RING + count; at += 1) {
        const entry = this.#bySlot[this.#shared[at]];
        this.#forget(entry);
        gone?.push(entry);
      }
      this.#evictions += count;
      if (count < LISTED) return gone;
      native.slotsMore(this.#table);
    }
  }

  #forget(entry) {
    this.#entries.delete(entry.key);
    this.#bySlot[entry.slot] = undefined;
    this.#bytes -= entry.weight;
    if (entry.tags !== NO_TAGS) this.#tags.remove(entry.key, entry.tags);
  }

  #remove(entry) {
    native.slotsRemove(this.#table, entry.slot, this.#noteAll());
    this.#forget(entry);
  }

  #expire(entry) {
    this.#remove(entry);
    this.#onEvict?.(entry.key, 'expired');
  }
}

module.exports = { Slots };
