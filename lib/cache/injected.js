'use strict';
// The tiers of a cache whose Redis is a client of the application's: memory and disk by the native engine, Redis by
// commands sent from here, so that what the client settles in microtasks settles so here. Methods as `Engine`'s.
const native = require('../native');
const { begin } = require('../completion');
const { make, call } = require('../errors');
const { Engine } = require('./engine');
const { ClientCommands } = require('./client-commands');
const { ClientCalls } = require('./client-calls');
const { ClientLeases } = require('./client-leases');
const { ClientSweep } = require('./client-sweep');
const { ClientTime } = require('./client-time');
const { SAID, DOWN, saidOf, foundOf } = require('./client-answers');

const SKIP_REDIS = 2;
const SKIP_DISK_FILL = 8;

class Injected extends Engine {
  #commands;
  #calls;
  #sweep;
  #leases;
  #time;
  #prefix;
  #isTagged;
  #publishes;
  #listener = undefined;
  #closed = undefined;
  #refused = new Set();
  /** Calls that go on when the client has answered; `close` waits for them. */
  #underWay = { count: 0, ended: undefined };
  #counts = { droppedWrites: 0, degraded: 0 };

  /** `redis` are the options of the client: `{ client, keyPrefix, commandTimeoutMs, breaker, format }`. */
  constructor(settings, redis) {
    super(settings);
    const { client, keyPrefix, commandTimeoutMs, breaker, format } = redis;
    this.#commands = new ClientCommands(client);
    this.#prefix = keyPrefix;
    this.#isTagged = format === 'tagged';
    this.#publishes = Boolean(settings.disk);
    const { failures, probeMs } = breaker === false ? { failures: 0, probeMs: 1000 } : breaker;
    this.#calls = new ClientCalls({ failures, probeMs, timeoutMs: commandTimeoutMs }, {
      probe: () => this.#commands.probe(`${keyPrefix}\u0001p`),
      catchUp: (owed, run, writes) => this.#sweep.catchUp(owed, run, writes),
      down: (error) => this.#went(false, error),
      up: () => this.#went(true),
    });
    this.#time = new ClientTime(this.#commands, this.#calls);
    this.#sweep = new ClientSweep(this.#commands, keyPrefix, (keys) => keys.forEach((key) => this.#calls.missed(`k${key}`)));
    this.#leases = new ClientLeases(this.#commands, this.#calls, keyPrefix, (command) => this.#can(command));
  }

  async read(key, now, flags) {
    if (flags & SKIP_REDIS) return super.read(key, now, flags);
    const [found] = await this.#readAll([key], now, flags);
    return found;
  }
  /** A key's value for nobody to hold: without its time. */
  async readValue(key, now) {
    const [found] = await this.#readAll([key], now, 0, true);
    return found;
  }
  /** Seconds that a key has left: -1 no end, -2 no such key, or nobody who says. */
  async secondsLeft(key) {
    if (this.#calls.distrusts(key)) return -2;
    try {
      const ms = await this.#calls.run(() => this.#commands.timeLeft(this.#prefix + key));
      return typeof ms !== 'number' || Number.isNaN(ms) ? -2 : ms < 0 ? ms : ms / 1000;
    } catch {
      return -2;
    }
  }
  async readMany(keys, now, flags) {
    if (flags & SKIP_REDIS) return super.readMany(keys, now, flags);
    return this.#readAll(keys, now, flags);
  }
  async #readAll(keys, now, flags, isTimeless = false) {
    const moments = keys.map((key) => this.epoch(key));
    if (this.#publishes && !native.clientFillsDisk(this.handle)) flags |= SKIP_DISK_FILL;
    this.#begun();
    try {
      const said = await this.#ask(keys, now, isTimeless);
      return await Promise.all(keys.map((key, at) => this.#answered(key, now, flags, moments[at], said[at])));
    } finally {
      this.#over();
    }
  }

  #begun() {
    this.#underWay.count += 1;
  }
  #over() {
    this.#underWay.count -= 1;
    if (this.#underWay.count === 0) this.#underWay.ended?.();
  }

  /** What the client says of keys: `[said, value, msLeft]` of each. */
  async #ask(keys, now, isTimeless) {
    const calls = this.#calls;
    if (this.#isTagged) this.#time.look(now);
    const trusted = keys.filter((key) => !calls.distrusts(key));
    let pairs;
    try {
      const full = trusted.map((key) => this.#prefix + key);
      if (full.length === 0) pairs = [];
      else if (isTimeless) pairs = [await calls.run(() => this.#commands.readValue(full[0]))];
      else pairs = await calls.run(() => this.#commands.read(full));
    } catch {
      return keys.map(() => DOWN);
    }
    if (trusted.length === keys.length) return pairs.map(saidOf);
    const answers = new Map(trusted.map((key, at) => [key, saidOf(pairs[at])]));
    return keys.map((key) => answers.get(key) ?? DOWN);
  }

  /** Goes on with a read: fills memory and disk, asks the disk. */
  async #answered(key, now, flags, moment, said) {
    const args = [this.handle, key, now, flags, moment, ...said, this.#time.offsetMs];
    const found = call(native.clientAnswered, ...args);
    if (found !== undefined) return found === null ? null : foundOf(found);
    const [below, fill] = await begin((shell, id) => native.clientAnsweredBelow(shell, id, ...args));
    if (below === null) return null;
    const hit = foundOf(below);
    // it is on its way before any later delete: they share a connection
    if (fill !== null && this.#calls.up && this.epoch(key) === moment && native.clientFillsDisk(this.handle)) {
      const [deadline, staleUntil, tags] = fill;
      const [text, ms] = this.#encoded(hit.tag, hit.payload, now, deadline, staleUntil, tags);
      this.#calls.run(() => this.#commands.set(this.#prefix + key, text, ms, true)).catch(() => {});
    }
    return hit;
  }

  write(key, tag, payload, now, lifetime, tags, flags, guard) {
    if (flags & SKIP_REDIS) return super.write(key, tag, payload, now, lifetime, tags, flags, guard);
    if (guard !== undefined && (this.epoch(key) !== guard.epoch || !this.#leases.holds(guard.token))) return Promise.resolve(false);
    const taken = super.write(key, tag, payload, now, lifetime, tags, flags | SKIP_REDIS, guard);
    const { ttl = 0, l1Ttl = 0, l3Ttl = 0, staleFor = 0, jitter = -1 } = lifetime;
    const [deadline, staleUntil] = call(native.clientTimes, this.handle, now, ttl, l1Ttl, l3Ttl, staleFor, jitter);
    if (this.#isTagged) this.#time.look(now);
    const [text, ms] = this.#encoded(tag, payload, now, deadline, staleUntil, tags ?? []);
    return this.#set(key, text, ms, tags ?? [], taken);
  }
  async writeMany(list, now, tags, flags) {
    const taken = await Promise.all(list.map(([key, tag, payload, lifetime]) => this.write(key, tag, payload, now, lifetime, tags, flags)));
    return taken.every(Boolean);
  }

  async #set(key, text, ms, tags, taken) {
    const calls = this.#calls;
    const turn = calls.writes.begin([key]);
    let stored = false;
    try {
      stored = await calls.run(() => this.#commands.set(this.#prefix + key, text, ms, false));
      if (stored && tags.length > 0) stored = await this.#tag(key, tags, ms);
    } catch {
      stored = false;
    }
    calls.writes.ended([key], turn, stored);
    if (stored) this.#publish('k', [key]);
    else this.#counts.droppedWrites += 1;
    return (await taken) && stored;
  }

  #encoded(tag, payload, now, deadline, staleUntil, tags) {
    const end = this.#isTagged ? staleUntil : deadline;
    const text = !this.#isTagged && tag === 0
      ? payload
      : native.clientEncode(tag, payload, this.#isTagged, now, deadline, staleUntil, tags, this.#time.offsetMs);
    // whole, and not longer than asked: a clock may give fractions
    return [text, end === Infinity ? Infinity : Math.max(Math.floor(end - now), 1)];
  }

  async #tag(key, tags, ms) {
    if (!this.#can('eval')) return false;
    return this.#calls.run(() => this.#sweep.tag(key, tags, ms));
  }

  async remove(keys, now) {
    const below = super.remove(keys, now);
    const full = keys.map((key) => this.#prefix + key);
    const { writes } = this.#calls;
    const turn = writes.begin(keys);
    const removed = await this.#calls.run(() => this.#commands.del(full)).catch(() => undefined);
    writes.ended(keys, turn, removed !== undefined);
    this.#publish('k', keys);
    return Math.max(await below, removed ?? 0);
  }
  removePattern(glob, now) {
    return this.#removeWide('g', glob, now, () => super.removePattern(glob, now));
  }
  removeTag(tag, now) {
    return this.#removeWide('t', tag, now, () => super.removeTag(tag, now));
  }
  async clear(prefix, now) {
    await this.#removeWide('p', prefix, now, () => super.clear(prefix, now));
  }
  /** What goes from Redis step by step: each step has its own deadline. Meanwhile Redis and disk do not fill each other. */
  async #removeWide(kind, text, now, removeBelow) {
    const removing = native.clientRemoving(this.handle);
    this.#begun();
    let removed = 0;
    try {
      const below = removeBelow();
      if (this.#can(kind === 't' ? 'eval' : 'scan')) {
        const gone = (keys) => this.#forget(keys, now, kind === 't');
        removed = (await this.#told(kind + text, (run) => this.#sweep.remove(kind + text, run, gone))) ?? 0;
        this.#publish(kind, [text]);
      }
      return Math.max((await below) ?? 0, removed);
    } finally {
      native.clientRemoved(this.handle, removing, kind, text);
      this.#over();
    }
  }
  /** Reads that began before the keys went may have filled memory from them; and the disk, which knows no tags of plain values. */
  #forget(keys, now, fromDisk) {
    if (fromDisk) super.remove(keys, now).catch(() => {});
    else for (const key of keys) this.removeMemory(key, now);
  }

  /** Tells the client of a change step by step; undefined, and remembered, when it could not be told. */
  async #told(change, tell) {
    const calls = this.#calls;
    try {
      if (!calls.up) throw calls.reason;
      return await tell((step) => calls.run(step));
    } catch {
      calls.missed(change);
      return undefined;
    }
  }

  async keys(prefix, limit, now) {
    if (!this.#can('scan') || !this.#calls.up) return super.keys(prefix, limit, now);
    try {
      return await this.#sweep.keys(prefix, limit, (step) => this.#calls.run(step));
    } catch {
      return super.keys(prefix, limit, now);
    }
  }

  async lease(key, now, waitMs) {
    const token = await super.lease(key, now, waitMs);
    if (token <= 0 || !this.#calls.up) return token;
    const beyond = await this.#leases.take(key, token, waitMs, () => this.#isThere(key));
    if (beyond <= 0) super.release(key, token);
    return beyond;
  }
  release(key, token) {
    this.#leases.release(key, token);
    super.release(key, token);
  }
  async #isThere(key) {
    const [[said]] = await this.#ask([key]);
    return said === SAID.FOUND;
  }

  /** Whether the client has a method; the first time that it has not is told. */
  #can(command) {
    if (this.#commands.can(command)) return true;
    if (!this.#refused.has(command)) {
      this.#refused.add(command);
      this.#degraded(make('Redis', { detail: `the client has no ${command}` }));
    }
    return false;
  }

  #went(up, error) {
    call(native.clientState, this.handle, up);
    if (up) this.#listener?.('recovered', 'redis');
    else this.#degraded(make('Redis', { detail: error?.message ?? String(error) }, error));
  }
  #degraded(error) {
    this.#counts.degraded += 1;
    this.#listener?.('degraded', 'redis', error);
  }

  /** Tells hosts with a disk tier. */
  #publish(kind, items) {
    if (!this.#publishes || !this.#commands.can('publish')) return;
    const message = call(native.clientNotice, this.handle, kind, items);
    this.#calls.run(() => this.#commands.publish(`${this.#commands.ownPrefix}${this.#prefix}inv`, message)).catch(() => {});
  }

  listen(on, kinds) {
    this.#listener = on;
    super.listen(on, kinds);
  }
  health() {
    return { ...super.health(), redis: this.#calls.up ? 'up' : 'down' };
  }
  counters() {
    const counters = super.counters();
    for (const [name, count] of Object.entries(this.#counts)) counters[name] += count;
    return counters;
  }
  close() {
    this.#closed ??= this.#end();
    return this.#closed;
  }
  async #end() {
    this.#leases.close();
    const underWay = this.#underWay;
    if (underWay.count > 0) await new Promise((resolve) => (underWay.ended = resolve));
    await this.#calls.close();
    await super.close();
  }
}

module.exports = { Injected };
