'use strict';
// The engine of a cache on our own tiers: memory, Redis, disk. See docs/design/cache.md, "The engine, as the shell sees it".
const native = require('../native');
const { attempt, begin, expect, forget, found, newId, thisShell, sharedNumbers, subscribe, unsubscribe } = require('../completion');
const { rounds } = require('../clock');
const { call, fromNative } = require('../errors');
const { Slots } = require('./slots');

const states = ['off', 'down', 'up'];
/** Where the numbers say what a null means; see src/cache/values.rs. */
const STATUS = 1;
const KNOWN_ABSENT = 3;

const none = Promise.resolve(null);
const inSeconds = (seconds) => (seconds === undefined || seconds === null ? 0 : seconds);

class Engine {
  #held;
  #numbers;
  #sending = false;
  #polledAt;
  #closed;
  #subscription;
  #send = () => {
    this.#sending = false;
    native.cacheFlush(this.#held);
  };

  /**
   * `settings` are total: `{ memory: { shared, stores, maxBytes, maxEntries, policy, ttl } | null,
   * negative: { ttl, maxKeys } | null, redis: { link, ttl, whenDown } | null,
   * disk: { path, ttl, maxBytes, compressMinBytes } | null, jitter }`, times in seconds, a null ttl for no cap; `link`
   * as `redis::Config` in crates/io/src/redis. Names left out of it are an error.
   */
  constructor(settings) {
    this.#held = call(native.cacheOpen, JSON.stringify(settings));
    this.#numbers = sharedNumbers();
    /** Epochs of keys by cell, then the era and what has moved (`homes.js`): Int32Array. */
    this.cells = new Int32Array(native.cacheCells(this.#held));
    /** Whether reads and writes are known at once. */
    this.memoryOnly = !settings.redis && !settings.disk;
    /** Whether a near cache has to call `poll()` now and then. */
    this.polls = Boolean(settings.disk);
  }

  /** The native engine. */
  get handle() {
    return this.#held;
  }

  /** Connects and opens what is configured. Never rejects. */
  start() {
    return this.#begin(native.cacheStart).then(undefined, () => undefined);
  }

  /** Memory only: the value, null when no tier has it, undefined when lower tiers must be asked. */
  lookup(key, now, flags) {
    let payload;
    try {
      payload = native.cacheLookup(this.#held, key, now, flags);
    } catch (error) {
      throw fromNative(error);
    }
    return payload === undefined || payload === null ? payload : found(payload, 0);
  }
  /** Whether the null that `lookup` or `readNow` gave last was a remembered absence. */
  wasRemembered() {
    return this.#numbers[STATUS] === KNOWN_ABSENT;
  }
  /**
   * All tiers, with a callback: returns what `lookup` returns; when that is undefined calls `take(found or null)`
   * or `fail(error)` later. The cheapest way: no promise is made.
   */
  readNow(key, now, flags, take, fail) {
    const id = newId();
    const known = this.#ask(id, key, now, flags);
    if (known === undefined) expect(id, { resolve: take, reject: fail });
    return known;
  }
  /** All tiers; fills upwards. */
  read(key, now, flags) {
    const id = newId();
    let known;
    try {
      known = this.#ask(id, key, now, flags);
    } catch (error) {
      return Promise.reject(error);
    }
    if (known === undefined) return new Promise((resolve, reject) => expect(id, { resolve, reject }));
    return known === null ? none : Promise.resolve(known);
  }
  #ask(id, key, now, flags) {
    let payload;
    try {
      payload = native.cacheRead(thisShell(), id, this.#held, key, now, flags);
    } catch (error) {
      forget(id);
      throw fromNative(error);
    }
    if (payload === undefined) {
      this.#flushSoon();
      return undefined;
    }
    forget(id);
    return payload === null ? null : found(payload, 0);
  }
  /** Many keys, in their order. */
  readMany(keys, now, flags) {
    return new Promise((resolve, reject) => {
      const values = new Array(keys.length);
      let left = 1;
      const done = () => --left === 0 && resolve(values);
      keys.forEach((key, index) => {
        const known = this.readNow(key, now, flags, (value) => ((values[index] = value), done()), reject);
        if (known === undefined) left++;
        else values[index] = known;
      });
      done();
    });
  }
  /** What a load must be guarded with: taken before the loader runs. */
  epoch(key) {
    return call(native.cacheEpoch, this.#held, key);
  }
  /** The place of a key's epoch in `cells`. */
  cell(key) {
    return call(native.cacheCell, key);
  }
  /** Counts hits that the near cache has answered. */
  touch(keys) {
    native.cacheTouch(this.#held, keys);
  }
  /** Looks, at most each 10 ms, whether other processes changed something. */
  poll() {
    const now = rounds();
    if (now === this.#polledAt) return;
    this.#polledAt = now;
    native.cachePoll(this.#held);
  }
  /** Slots for near copies of what memory has; their hits count there, too. */
  newNear(options) {
    return new Slots({ ...options, behind: this.#held });
  }

  /** Writes: a boolean when it is known at once, else its promise. Whether every tier that was asked took it. */
  write(key, tag, payload, now, lifetime, tags, flags, guard) {
    const { ttl, l1Ttl, l3Ttl, staleFor, jitter } = lifetime;
    return this.#attempt((shell, id) =>
      native.cacheWrite(
        shell,
        id,
        this.#held,
        key,
        tag,
        payload,
        now,
        inSeconds(ttl),
        inSeconds(l1Ttl),
        inSeconds(l3Ttl),
        inSeconds(staleFor),
        jitter ?? -1,
        tags === undefined || tags.length === 0 ? undefined : tags,
        flags,
        guard === undefined ? -1 : guard.epoch,
        guard === undefined ? 0 : guard.token,
        guard?.absent === true,
      ),
    );
  }
  /** Writes to memory alone, without tags: what `write` does with flags 6, for less. `ttl` in seconds, 0 for none. */
  writeMemory(key, tag, payload, now, ttl, draw) {
    try {
      native.cacheWriteMemory(this.#held, key, tag, payload, now, ttl, draw);
    } catch (error) {
      throw fromNative(error);
    }
  }
  /** Many: `list` of `[key, tag, payload, lifetime]`; true when all were taken. */
  writeMany(list, now, tags, flags) {
    const results = list.map(([key, tag, payload, lifetime]) => this.write(key, tag, payload, now, lifetime, tags, flags));
    if (results.every((result) => typeof result === 'boolean')) return results.every(Boolean);
    return Promise.all(results).then((all) => all.every(Boolean));
  }

  /** Removes exact keys from all tiers: how many there were, in the tier that had most of them. */
  remove(keys, now) {
    return this.#counted((shell, id) => native.cacheRemove(shell, id, this.#held, keys, now));
  }
  /** The same for what matches a glob. */
  removePattern(glob, now) {
    return this.#counted((shell, id) => native.cacheRemovePattern(shell, id, this.#held, glob, now));
  }
  /** The same for what carries a tag. */
  removeTag(tag, now) {
    return this.#counted((shell, id) => native.cacheRemoveTag(shell, id, this.#held, tag, now));
  }
  /** Removes everything that begins so; everything for ''. */
  clear(prefix, now) {
    return this.#counted((shell, id) => native.cacheClear(shell, id, this.#held, prefix, now)).then(() => undefined);
  }
  /** The memory copy only. */
  removeMemory(key, now) {
    return call(native.cacheRemoveMemory, this.#held, key, now);
  }
  /** All memory copies of keys that begin so. */
  clearMemory(prefix, now) {
    call(native.cacheClearMemory, this.#held, prefix, now);
  }
  /** Fresh keys that begin so, at most `limit`, from the widest tier that answers. */
  keys(prefix, limit, now) {
    return this.#counted((shell, id) => native.cacheKeys(shell, id, this.#held, prefix, limit, now)).then((keys) =>
      Array.from(keys),
    );
  }

  /** A token above 0: run the loader; 0: another's load has ended, read again; -1: waited long enough, run alone. */
  lease(key, now, waitMs) {
    return this.#counted((shell, id) => native.cacheLease(shell, id, this.#held, key, now, waitMs));
  }
  /** Ends a lease, which is renewed until then. */
  release(key, token) {
    call(native.cacheRelease, this.#held, key, token);
  }

  health() {
    const number = call(native.cacheHealth, this.#held);
    return { redis: states[number >> 2], disk: states[number & 3] };
  }
  counters() {
    call(native.cacheCounters, this.#held);
    const [bytes, entries, evictions, damaged, droppedWrites, degraded, invalidations] = this.#numbers;
    return { memory: { bytes, entries, evictions }, damaged, droppedWrites, degraded, invalidations };
  }
  /**
   * Calls `on('degraded', tier, error)`, `on('recovered', tier)`, `on('invalidated', keys)`, `on('evicted', key,
   * reason)` from now on; `kinds` is the sum of 1 (the first two), 2 and 4. `on` is held: it should hold its cache weakly.
   */
  listen(on, kinds = 1) {
    this.#unlisten();
    if (kinds === 0) return;
    this.#subscription = subscribe(
      ([name, first, second]) => on(name, first, name === 'degraded' ? fromNative(second) : second),
      (shell, id) => native.cacheListen(shell, id, this.#held, kinds),
    );
    registry?.register(this, this.#subscription, this);
  }
  #unlisten() {
    if (this.#subscription === undefined) return;
    registry?.unregister(this);
    native.cacheListen(thisShell(), this.#subscription, this.#held, 0);
    unsubscribe(this.#subscription);
    this.#subscription = undefined;
  }
  /** Takes nothing more; resolves when what was accepted is done and everything is let go. */
  close() {
    this.#closed ??= this.#begin(native.cacheClose).then(() => this.#unlisten());
    return this.#closed;
  }

  #begin(start) {
    return begin((shell, id) => start(shell, id, this.#held));
  }
  #attempt(start) {
    const result = attempt(start);
    if (typeof result === 'object') this.#flushSoon();
    return result;
  }
  #counted(start) {
    try {
      const result = this.#attempt(start);
      return result instanceof Promise ? result : Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  /** What was asked in one go leaves in one go. */
  #flushSoon() {
    if (this.#sending) return;
    this.#sending = true;
    Promise.resolve().then(this.#send);
  }
}

/** Subscriptions of engines that were dropped without being closed. */
const registry = typeof FinalizationRegistry === 'function' ? new FinalizationRegistry(unsubscribe) : undefined;

module.exports = { Engine };
