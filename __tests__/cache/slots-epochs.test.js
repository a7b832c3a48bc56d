'use strict';
// The store of live values where they may change elsewhere: what it lets go of, against plain models in JavaScript.
const { open, same, seeded } = require('../support/slots');

describe('epochs', () => {
  const [ERA, MOVED, LOG, LOGGED] = [65_536, 65_552, 65_568, 1024];
  /** Cells as native code writes them: crates/io/src/memory/epochs.rs. */
  const near = (options) => {
    const cells = new Int32Array(LOG + LOGGED).fill(-1, LOG);
    const count = (by) => (Atomics.add(cells, MOVED, by) >>> 0);
    const log = (at, cell) => { cells[LOG + (at % LOGGED)] = ((at >>> 10) << 16) | cell; };
    const bump = (cell) => {
      cells[cell] += 1;
      log(count(1), cell);
    };
    const bumpEra = () => {
      cells[ERA] += 1;
      count(LOGGED + 1);
    };
    return { cells, count, log, bump, bumpEra, slots: open({ cells, ...options }) };
  };
  const moment = (epoch, era) => (epoch >>> 0) + (era & 0x1fffff) * 2 ** 32;

  test('an entry holds until its cell or the era moves', () => {
    const { bump, bumpEra, slots } = near();
    slots.fill('a', 1, Infinity, Infinity, 3, moment(0, 0));
    slots.fill('b', 2, Infinity, Infinity, 4, moment(0, 0));
    expect([slots.get('a'), slots.get('b')]).toEqual([1, 2]);
    bump(3);
    expect([slots.get('a'), slots.peekStale('a'), slots.get('b')]).toEqual([undefined, undefined, 2]);
    expect([...slots.live()].map((entry) => entry.key)).toEqual(['b']);
    bumpEra();
    expect([slots.peekStale('b'), slots.get('b'), [...slots.live()]]).toEqual([undefined, undefined, []]);
    slots.fill('a', 3, Infinity, Infinity, 3, moment(1, 1));
    expect([slots.get('a'), slots.size]).toEqual([3, 2]);
  });

  test('epochs, eras and counts past the end of their numbers compare all the same', () => {
    for (const count of [0, -1, -1000, 2 ** 31 - 1, 2 ** 31 - 1000]) {
      const { cells, bump, bumpEra, slots } = near();
      cells[MOVED] = count;
      for (const epoch of [-1, 2 ** 31 - 1, -(2 ** 31)]) {
        for (const era of [0, 0x1fffff, 0x200000, -1]) {
          cells[3] = epoch;
          cells[ERA] = era;
          slots.fill('a', 1, Infinity, Infinity, 3, moment(epoch, era));
          expect(slots.get('a')).toBe(1);
          bump(3);
          expect(slots.get('a')).toBe(undefined);
          slots.fill('a', 1, Infinity, Infinity, 3, moment(cells[3], era));
          expect(slots.get('a')).toBe(1);
          bumpEra();
          expect(slots.get('a')).toBe(undefined);
        }
      }
    }
  });

  test('a value that has changed elsewhere is let go of, though its cell came back to where it was', () => {
    const { cells, bump, slots } = near();
    slots.fill('a', 1, Infinity, Infinity, 3, moment(0, 0));
    bump(3);
    expect(slots.get('a')).toBe(undefined);
    cells[3] -= 1;
    expect([slots.get('a'), slots.peekStale('a')?.value]).toEqual([undefined, undefined]);
  });

  test('what was filled under an epoch that has passed is not served', () => {
    const { cells, bump, slots } = near();
    const before = moment(cells[3], cells[ERA]);
    bump(3);
    slots.fill('a', 'old', Infinity, Infinity, 3, before);
    expect([slots.get('a'), slots.delete('a')]).toEqual([undefined, false]);
  });

  test('a change that is counted and not logged yet is heard all the same', () => {
    const { cells, count, log, bump, slots } = near();
    for (let round = 0; round < 3; round += 1) {
      slots.fill('a', round, Infinity, Infinity, 3, moment(cells[3], 0));
      slots.fill('b', round, Infinity, Infinity, 4, moment(cells[4], 0));
      expect(slots.get('a')).toBe(round);
      cells[3] += 1;
      const at = count(1);
      expect([slots.get('b'), slots.get('a')]).toEqual([round, undefined]);
      log(at, 3);
      for (let other = 0; other < 1500; other += 1) bump(100);
      expect(slots.get('b')).toBe(round);
    }
  });

  test('any changes, in bursts longer than the log, among entries whose cells share heads: against plain comparisons', () => {
    const random = seeded(5);
    for (const maxEntries of [3, 50, 400]) {
      const { cells, bump, bumpEra, slots } = near({ maxEntries });
      // cells that agree in their low bits, and keys that agree in their cells
      const cellOf = (key) => ((key % 120) * 512 + (key % 7)) & 0xffff;
      const model = new Map();
      let served = 0;
      for (let step = 0; step < 20_000; step += 1) {
        const key = random(600);
        const cell = cellOf(key);
        const what = random(1000);
        if (what < 550) {
          const found = slots.get(`k${key}`);
          const known = model.get(key);
          if (found !== undefined) {
            served += 1;
            same([found, known.epoch, known.era].join(), [known.value, cells[cell], cells[ERA]].join());
          }
        } else if (what < 900) {
          // now and then a moment that has passed
          const epoch = cells[cell] - (random(20) === 0 ? 1 : 0);
          slots.fill(`k${key}`, step, Infinity, Infinity, cell, moment(epoch, cells[ERA]));
          model.set(key, { value: step, epoch, era: cells[ERA] });
        } else if (what < 980) bump(cell);
        else if (what < 990) slots.delete(`k${key}`);
        else if (what < 997) for (let count = random(3000); count > 0; count -= 1) bump(cellOf(random(600)));
        else if (what < 999) bumpEra();
        else slots.clear();
      }
      expect(served).toBeGreaterThan(10);
      // and what has not changed is there
      slots.fill('last', 1, Infinity, Infinity, 9, moment(cells[9], cells[ERA]));
      for (let other = 0; other < 1500; other += 1) bump(11);
      expect(slots.get('last')).toBe(1);
    }
  });
});
