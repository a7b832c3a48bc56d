'use strict';
// getOrSet: one load per key at a time on this thread by a map of flights, on others by the engine's leases.
const { make } = require('../errors');
const { readTtl, readLoad } = require('./options');
const { limits } = require('./limits');
const reads = require('./reads');
const writes = require('./writes');
const { checkKey } = require('./keys');
const { wrongType } = require('../options');
const { keepShape } = require('../shapes');

const thenable = (value) => value !== null && typeof value === 'object' && typeof value.then === 'function';
const ignore = () => {};

/** A key that is being read and, when no tier has it, loaded. */
class Flight {
  constructor(full, epoch) {
    this.full = full;
    /** The key's epoch when the read began: what is loaded is stored only if it has not moved. */
    this.epoch = epoch;
    /** A newer write or delete has come: what is loaded is not stored, and later callers start anew. */
    this.superseded = false;
    /** What the tiers had: a hit, or null. A promise until they have answered. */
    this.found = undefined;
    /** The promise of the loaded value, once the loader is under way. */
    this.loading = undefined;
    this.waiting = 0;
    /** A refresh behind callers: it belongs to none. */
    this.behind = false;
    /** Nobody waited any more, and the loader has been told so. */
    this.left = false;
    this.controller = undefined;
    this.reason = undefined;
  }
  /** The loader's signal, made when it is looked at. */
  get signal() {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }
  stop(reason) {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.controller?.abort(reason);
  }
  leave() {
    this.waiting -= 1;
    if (this.waiting > 0 || this.behind || this.left || this.loading === undefined) return;
    this.left = true;
    this.stop(make('Aborted', { what: 'the load: no caller waits any more' }));
  }
}

keepShape(new Flight('', 0));

/** The loads of a cache, shared by its namespaces. */
class Flights {
  constructor(tiers) {
    this.tiers = tiers;
    this.byKey = new Map();
  }
  /** A key has been written or deleted by this cache. */
  supersede(full) {
    if (this.byKey.size === 0) return;
    const flight = this.byKey.get(full);
    if (flight === undefined) return;
    flight.superseded = true;
    this.byKey.delete(full);
  }
  /** Keys with a prefix may have been deleted. */
  supersedeAll(prefix) {
    for (const full of [...this.byKey.keys()]) if (full.startsWith(prefix)) this.supersede(full);
  }
  /** At close: loaders are told, and nothing that they give is stored. */
  stop() {
    for (const flight of this.byKey.values()) {
      flight.superseded = true;
      flight.stop(make('Closed', { what: 'the cache' }));
    }
    this.byKey.clear();
  }
  end(flight) {
    if (this.byKey.get(flight.full) === flight) this.byKey.delete(flight.full);
  }

  /** The flight of a key: the one under way, or a new one that asks the tiers. */
  join(view, key, flags) {
    const { tiers, byKey } = this;
    const full = view.prefix + key;
    const known = byKey.get(full);
    const epoch = tiers.epoch(full);
    if (known !== undefined && known.epoch === epoch) return known;
    const flight = new Flight(full, epoch);
    byKey.set(full, flight);
    flight.found = this.#look(view, key, flags, flight);
    return flight;
  }
  #look(view, key, flags, flight) {
    const settled = (hit) => {
      flight.found = hit;
      if (hit !== null && !hit.stale) this.end(flight);
      return hit;
    };
    let found;
    try {
      found = reads.fetch(view, key, flags);
    } catch (error) {
      this.end(flight);
      throw error;
    }
    if (!thenable(found)) return settled(found);
    const promise = found.then(settled, (error) => {
      this.end(flight);
      throw error;
    });
    promise.catch(ignore);
    return promise;
  }

  /** Starts the loader, unless it is under way. */
  start(view, key, flight, loader, options, previous) {
    if (flight.loading !== undefined) return;
    flight.loading = this.#load(view, key, flight, loader, options, previous).finally(() => this.end(flight));
    flight.loading.catch(ignore);
  }
  async #load(view, key, flight, loader, options, previous) {
    const { tiers } = this;
    let token = 0;
    if (tiers.leases) {
      const taken = await this.#lease(view, key, flight, options);
      if (taken.hit !== undefined) return taken.hit.value;
      token = taken.token;
    }
    try {
      if (tiers.closed) throw make('Closed', { what: 'the cache' });
      let { ttl } = options;
      const context = {
        get signal() {
          return flight.signal;
        },
        previous: previous === undefined ? null : previous,
        setTtl(seconds) {
          ttl = seconds === 0 ? 0 : readTtl(seconds, 'ttl');
        },
      };
      const value = await loader(context);
      if (value === undefined || ttl === 0 || flight.superseded) return value;
      const guard = { epoch: flight.epoch, token: Math.max(token, 0), absent: previous === undefined };
      const staleFor = Math.max(options.staleWhileRevalidate, options.staleIfError);
      await writes.fill(view, key, value, ttl, options, staleFor, guard);
      return value;
    } finally {
      if (token > 0) tiers.engine.release(flight.full, token);
    }
  }
  /** The right to run the loader, or what another's load has stored meanwhile. */
  async #lease(view, key, flight, options) {
    const { tiers } = this;
    const { waitMs } = tiers.config.lease;
    for (;;) {
      const token = await tiers.engine.lease(flight.full, tiers.now(), waitMs);
      if (token < 0) return { token };
      // another's load may have ended between our read and our lease: ask again, past what memory remembers as absent
      flight.epoch = tiers.epoch(flight.full);
      const hit = await reads.fetch(view, key, tiers.wide ? options.flags | 1 : options.flags);
      if (hit !== null && !hit.stale) {
        if (token > 0) tiers.engine.release(flight.full, token);
        return { token, hit };
      }
      if (token > 0) return { token };
    }
  }
}

// a suspect copy, stale before its deadline, serves only in place of a failure
const isWithin = (hit, seconds, now) => seconds > 0 && now <= hit.deadline + seconds * 1000;

/** One caller's way: a hit, a stale value with a refresh behind it, or the load. */
async function getOrSet(view, key, loader, given) {
  const { tiers } = view;
  view.open();
  const options = readLoad(given);
  checkKey(key);
  if (typeof loader !== 'function') throw wrongType('loader', 'a function', loader);
  const limit = limits(options, 'getOrSet');
  try {
    for (;;) {
      const flight = tiers.flights.join(view, key, options.flags);
      const found = thenable(flight.found) ? await limit.race(flight.found) : flight.found;
      if (found !== null && !found.stale) {
        tiers.stats.hit(found.tier);
        return found.value;
      }
      const stale = found ?? undefined;
      if (stale !== undefined && isWithin(stale, options.staleWhileRevalidate, tiers.now()) && tiers.now() > stale.deadline) {
        if (flight.loading === undefined) flight.behind = true;
        tiers.flights.start(view, key, flight, loader, options, stale.value);
        tiers.stats.stale(stale.tier);
        return stale.value;
      }
      const left = flight.left;
      if (flight.loading !== undefined) tiers.stats.coalesced();
      tiers.flights.start(view, key, flight, loader, options, stale?.value);
      flight.waiting += 1;
      try {
        const value = await limit.race(flight.loading);
        tiers.stats.miss();
        return value;
      } catch (error) {
        // it failed because those before us had left: that is not our failure
        if (left && !limit.ended) continue;
        const serves = stale !== undefined && (limit.timedOut || isWithin(stale, options.staleIfError, tiers.now()));
        if (!serves || limit.aborted) {
          if (!limit.aborted) tiers.stats.miss();
          throw error;
        }
        tiers.stats.stale(stale.tier);
        return stale.value;
      } finally {
        flight.leave();
      }
    }
  } finally {
    limit.clear();
  }
}

module.exports = { Flights, getOrSet };
