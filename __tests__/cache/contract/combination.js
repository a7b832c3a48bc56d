'use strict';
// A combination of tiers, and caches on it: each `open()` of a place sees the same Redis and disk, with memory of its own.
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { TieredCache } = require('sluice');

let places = 0;
/** Places that settle while tests run. */
const AHEAD = 10;

/**
 * `memory`, `redis`, `disk`: options of the tiers, or false. `redis` is a function of the key prefix. `plain`: values in
 * Redis cannot carry stale windows. `tells`: absences may be remembered.
 */
class Combination {
  constructor({ name, memory = {}, redis, disk = false, plain = false, isOwn = false, echoes = false, tells = redis === undefined || isOwn, tagged = 1100 }) {
    Object.assign(this, { name, memory, redis, plain, isOwn, echoes, tells, tagged, hasDisk: disk });
    this.hasMemory = memory !== false;
    this.hasRedis = redis !== undefined;
    /** Whether there is a tier below memory, so that another cache sees what one has written. */
    this.wide = this.hasRedis || disk;
    /** Whether the caller's clock alone rules. */
    this.ownClock = !this.hasRedis;
  }
  /** The tiers that a set reaches; where its echo comes back it leaves no copy in memory. */
  get tiers() {
    return [this.hasMemory && !this.echoes && 1, this.hasRedis && 2, this.hasDisk && 3].filter(Boolean);
  }
  place() {
    places += 1;
    return new Place(this, `c${process.pid}-${places}:`);
  }
  /** Whether what a host writes to its disk at first is doubted later: until it has heard of other hosts' changes for a while. */
  get settles() {
    return this.isOwn && this.hasDisk;
  }
}

class Place {
  #caches = [];
  #folder;
  /** The first cache, once its host hears; places settle side by side, ahead of their tests. */
  #settled;

  constructor(combination, prefix) {
    this.combination = combination;
    this.prefix = prefix;
    if (combination.settles) this.#settled = this.#settle();
  }
  async #settle(options) {
    const first = this.#open(options);
    await first.initialize();
    await sleep(450);
    return first;
  }
  /** A cache; `options` over the combination's. No deadline is moved unless asked for. */
  async open(options) {
    const settled = await this.#settled;
    this.#settled = undefined;
    if (settled !== undefined && options === undefined) return settled;
    await settled?.close();
    if (settled !== undefined) return this.#settle(options);
    const cache = this.#open(options);
    // what is written before tracking is up is doubted once it is
    if (this.combination.isOwn) await cache.initialize();
    return cache;
  }
  #open({ memory, redis, disk, ...options } = {}) {
    const { combination } = this;
    if (combination.hasDisk) this.#folder ??= mkdtempSync(path.join(os.tmpdir(), 'sluice-contract-'));
    const cache = new TieredCache({
      memory: combination.hasMemory ? { ...combination.memory, ...memory } : false,
      // what deadlines do has tests of its own; here the machine may be busy
      redis: combination.hasRedis ? { ...combination.redis(this.prefix), commandTimeoutMs: 5000, ...redis } : false,
      disk: combination.hasDisk ? { path: path.join(this.#folder, 'disk'), maxBytes: 64 << 20, ...disk } : false,
      jitter: 0,
      ...options,
    });
    this.#caches.push(cache);
    return cache;
  }
  async close() {
    await this.#settled;
    await Promise.all(this.#caches.map((cache) => cache.close()));
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A clock that stands until it is moved. */
function manualClock(start = 1_750_000_000_000) {
  const clock = { ms: start, now: () => clock.ms, advance: (ms) => (clock.ms += ms) };
  return clock;
}
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs the suites over combinations; a suite is `(combination, at) => tests`, where `at.open()` opens a cache of the test. */
function contract(combinations, suites) {
  describe.each(combinations.map((one) => [one.name, one]))('%s', (_, options) => {
    const combination = new Combination(options);
    const at = {};
    const ahead = [];
    if (combination.settles) {
      beforeAll(() => void ahead.push(...Array.from({ length: AHEAD }, () => combination.place())));
      afterAll(() => Promise.all(ahead.map((place) => place.close())));
    }
    beforeEach(() => {
      if (combination.settles) ahead.push(combination.place());
      const place = ahead.shift() ?? combination.place();
      at.place = place;
      at.open = (more) => place.open(more);
    });
    afterEach(() => at.place.close());
    for (const [name, suite] of Object.entries(suites)) describe(name, () => suite(combination, at));
  });
}

module.exports = { contract, manualClock, sleep };
