'use strict';
// What the views of a cache share: its tiers, its loads, its statistics, and how they begin and end.
const { Engine } = require('./engine');
const { Injected } = require('./injected');
const { caches } = require('../alive');
const { readOptions } = require('./options');
const { Flights } = require('./load');
const { doubt } = require('./homes');
const { Slots } = require('./slots');
const { settingsOf } = require('./settings');
const { Stats } = require('./stats');

/** Kinds of events, as the engine tells them apart. */
const KINDS = { degraded: 1, recovered: 1, invalidated: 2, evicted: 4 };

class Tiers {
  #starting;
  #closing;
  #hearing = new Set();
  #kinds = 0;

  constructor(options) {
    const config = readOptions(options);
    const { memory, redis, disk } = config;
    this.config = config;
    this.what = config.name === '' ? 'the cache' : `the cache ${JSON.stringify(config.name)}`;
    this.now = config.now ?? (() => Date.now());
    this.random = config.random ?? (() => Math.random());
    /** Whether there is a tier below memory. */
    this.wide = redis !== undefined || disk !== undefined;
    /** Whether others may run a loader for the same key. */
    this.leases = this.wide || memory?.shared !== undefined;
    this.engine = this.#makeEngine(config);
    /** Live values of a reference store. */
    this.live = memory?.store === 'reference' ? new Slots(this.#slots(memory.maxEntries, '', memory)) : undefined;
    /** The same where they are the only tier, and what is drawn for none of them. */
    this.plain = this.engine === undefined && config.jitter === 0 ? this.live : undefined;
    /** Whether a read is the engine's alone: no live values, no client of the application. */
    this.direct = this.wide && this.live === undefined && config.redis?.client === undefined;
    /** Whether all there is is a client of the application, and nobody else has to know how long its values live. */
    this.bare = config.redis?.client !== undefined && config.redis.format === 'plain' && memory === undefined && disk === undefined;
    this.flights = new Flights(this);
    this.stats = new Stats(this);
    this.closed = false;
    this.forget = caches.live(this);
    /** Second deletes that wait for their time: timers by what they run. */
    this.later = new Map();
  }
  #makeEngine(config) {
    if (!this.wide && config.memory.store === 'reference') return undefined;
    const settings = settingsOf(config);
    return config.redis?.client === undefined ? new Engine(settings) : new Injected(settings, config.redis);
  }
  /** What live values are held by. S3-FIFO hits most and costs least: `npm run bench -- cache-hits cache-memory`. */
  #slots(maxEntries, prefix, { maxBytes, sizeOf, policy }) {
    const { config, engine } = this;
    return { policy: policy ?? 's3fifo', maxEntries, maxBytes, sizeOf, now: config.now, cells: engine?.cells, prefix };
  }
  /** Near values of a view in front of bytes; undefined where there are none. */
  newNear(prefix) {
    const { memory } = this.config;
    if (!memory?.near) return undefined;
    const options = this.#slots(memory.near.maxEntries, prefix, { policy: memory.policy });
    return this.engine.newNear === undefined ? new Slots(options) : this.engine.newNear(options);
  }

  /** Starts what is configured, once. */
  begin() {
    // memory alone is there without a turn of the event loop
    if (this.#starting === undefined) this.#starting = this.wide ? this.engine.start() : Promise.resolve();
  }
  async start() {
    this.begin();
    await this.#starting;
  }
  epoch(full) {
    return this.engine === undefined ? 0 : this.engine.epoch(full);
  }
  health() {
    return this.engine === undefined ? { redis: 'off', disk: 'off' } : this.engine.health();
  }

  /** A view wants to hear of events. */
  hear(view, event) {
    this.#hearing.add(view);
    const kinds = this.#kinds | KINDS[event];
    if (kinds === this.#kinds) return;
    this.#kinds = kinds;
    // what the engine calls must not keep the cache alive
    const weak = new WeakRef(this);
    this.engine?.listen((...told) => weak.deref()?.tell(...told), kinds);
    if (event === 'evicted' && this.live) this.live.onEvict = (key, reason) => this.tell('evicted', key, reason);
  }
  deaf(view) {
    this.#hearing.delete(view);
  }
  /** Emits, for each view what concerns it; what listeners throw is theirs. */
  tell(event, what, second) {
    const more = second === undefined ? [] : [second];
    for (const { emitter, prefix } of [...this.#hearing]) {
      if (emitter.listenerCount(event) === 0) continue;
      let subject = what;
      if (event === 'evicted') {
        if (!what.startsWith(prefix)) continue;
        subject = what.slice(prefix.length);
      } else if (event === 'invalidated') {
        subject = what.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
        if (subject.length === 0) continue;
      }
      try {
        emitter.emit(event, subject, ...more);
      } catch {
        // a listener's failure is no failure of the cache
      }
    }
  }

  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }
  async #close() {
    const due = [...this.later];
    this.closed = true;
    this.flights.stop();
    this.later.clear();
    for (const [run, timer] of due) {
      clearTimeout(timer);
      run();
    }
    this.stats.keep();
    this.forget();
    this.live?.clear();
    // near values of all views are asked again, and find the cache closed
    if (this.engine !== undefined) doubt(this.engine.cells);
    const ended = this.engine?.close();
    // what others share may be opened anew when this has ended
    if (this.leases) await ended;
    else ended?.catch(() => {});
    this.#hearing.clear();
  }
}

module.exports = { Tiers };
