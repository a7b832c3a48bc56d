'use strict';
// Where near entries come from: cell, epoch and era of each slot. Native code logs the cells whose epochs move
// (crates/io/src/memory/epochs.rs), so a hit looks at one number, which all hits share, and not at a cell of its own.

const CELLS = 65_536;
/** What moves with every epoch and every era, and the log of cells behind it: places in `cells`. */
const MOVED = CELLS + 16;
const LOG = CELLS + 32;
const LOG_BITS = 10;
const LOGGED = 1 << LOG_BITS;
/** Where the era is in `cells`. */
const ERA = CELLS;
/** Eras cross within moments, in 21 bits. */
const ERA_BITS = 0x1fffff;

/** Four numbers a slot: cell, epoch, era, and the next slot, plus one, whose cell has the same head. */
const [CELL, EPOCH, ERA_AT, NEXT] = [0, 1, 2, 3];
const NONE = 0;

class Homes {
  /** Epochs by cell, the era, what has moved. */
  cells;
  /** How much of the log has been heard; where it is not `cells[MOVED]`, call `hear`. */
  heard;
  #homes = new Int32Array(64);
  /** Slots, plus one, by the low bits of their cells. */
  #heads = new Int32Array(16);

  constructor(cells) {
    this.cells = cells;
    this.heard = cells[MOVED];
  }

  /**
   * Calls `changed(slot)` for those whose epochs have moved since the last call; false when the log has gone over it, or
   * an era has begun: then each slot has to be asked.
   */
  hear(changed) {
    const { cells } = this;
    // first this, then the cells: it is added to when they have moved
    const moved = Atomics.load(cells, MOVED);
    let at = this.heard;
    this.heard = moved;
    if (((moved - at) >>> 0) > LOGGED) return false;
    for (; at !== moved; at = (at + 1) | 0) {
      const logged = cells[LOG + (at & (LOGGED - 1))];
      // not written yet, or written over
      if (logged >>> 16 !== ((at >>> LOG_BITS) & 0xffff)) return false;
      this.#each(logged & 0xffff, changed);
    }
    return true;
  }
  #each(cell, changed) {
    const homes = this.#homes;
    let next = this.#heads[cell & (this.#heads.length - 1)];
    while (next !== NONE) {
      const at = (next - 1) << 2;
      if (homes[at + CELL] === cell && homes[at + EPOCH] !== this.cells[cell]) changed(next - 1);
      next = homes[at + NEXT];
    }
  }

  /** Whether neither the epoch of its cell nor the era has moved. */
  holds(slot) {
    const at = slot << 2;
    const homes = this.#homes;
    return this.cells[homes[at + CELL]] === homes[at + EPOCH] && (this.cells[ERA] & ERA_BITS) === homes[at + ERA_AT];
  }
  /** A slot holds what was read at a moment; `isNew` unless it is placed already, and a key's cell is always the same. */
  place(slot, cell, moment, isNew) {
    const at = slot << 2;
    if (isNew) {
      while (at >= this.#homes.length) this.#grow();
      const head = cell & (this.#heads.length - 1);
      this.#homes[at + NEXT] = this.#heads[head];
      this.#heads[head] = slot + 1;
    }
    this.#homes[at + CELL] = cell;
    this.#homes[at + EPOCH] = moment;
    this.#homes[at + ERA_AT] = Math.floor(moment / 2 ** 32) & ERA_BITS;
  }
  /** A slot is free. */
  remove(slot) {
    const homes = this.#homes;
    const head = homes[(slot << 2) + CELL] & (this.#heads.length - 1);
    const after = homes[(slot << 2) + NEXT];
    if (this.#heads[head] === slot + 1) {
      this.#heads[head] = after;
      return;
    }
    let at = this.#heads[head];
    while (at !== NONE) {
      const next = ((at - 1) << 2) + NEXT;
      if (homes[next] === slot + 1) homes[next] = after;
      at = homes[next];
    }
  }
  clear() {
    this.#heads.fill(NONE);
  }

  #grow() {
    const before = this.#homes;
    this.#homes = new Int32Array(before.length * 2);
    this.#homes.set(before);
    const heads = this.#heads;
    if (heads.length >= CELLS) return;
    // each chain falls apart in two
    const more = new Int32Array(heads.length * 2);
    for (let head = 0; head < heads.length; head += 1) {
      for (let slot = heads[head]; slot !== NONE; ) {
        const at = (slot - 1) << 2;
        const next = this.#homes[at + NEXT];
        const to = this.#homes[at + CELL] & (more.length - 1);
        this.#homes[at + NEXT] = more[to];
        more[to] = slot;
        slot = next;
      }
    }
    this.#heads = more;
  }
}

/** Near values of all who see these cells are asked again. */
function doubt(cells) {
  Atomics.add(cells, ERA, 1);
  Atomics.add(cells, MOVED, LOGGED + 1);
}

module.exports = { Homes, MOVED, doubt };
