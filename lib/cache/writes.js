'use strict';
// Writes: a value with its lifetime, to every tier that is asked.
const { wrongType } = require('../options');
const { readTtl } = require('./options');
const { encode, checkValue } = require('../codec');
const { checkKey } = require('./keys');

const NO_OPTIONS = { flags: 0, l1Ttl: undefined, l3Ttl: undefined, skipTtlRandomization: false, tags: undefined };

/** A value as the tiers take it; throws ERR_VALUE for what is none. */
function prepared(tiers, key, value) {
  checkValue(key, value);
  return tiers.engine === undefined ? undefined : encode(tiers.config.codec, key, value);
}

const millis = (seconds) => Math.max(Math.round(seconds * 1000), 1);
/**
 * Until when a live value is served without asking, the end of its stale window, and its own deadline, as `Lifetime` of
 * crates/core draws those of other tiers.
 */
function deadlines({ config, now }, ttl, l1Ttl, staleFor, draw) {
  const { redis, disk, memory, jitter } = config;
  const moved = draw < 0 ? 1 : 1 + jitter * (2 * draw - 1);
  const longest = redis || disk ? Math.max(redis?.ttl ?? 0, disk?.ttl ?? 0) : Infinity;
  const whole = millis((ttl ?? longest) * moved);
  const own = Math.min(whole, millis(l1Ttl ?? Infinity));
  const begin = now();
  // Redis may not tell of changes: then this is the longest time without asking it
  const deadline = begin + Math.min(own, redis ? millis(memory.ttl) : Infinity);
  const staleUntil = own < whole || !(staleFor > 0) ? deadline : begin + own + millis(staleFor);
  return [deadline, staleUntil, begin + own];
}

/** Writes what was prepared; a promise where a tier below memory is asked. `guard`: only if nothing has changed since. */
function put(view, key, value, encoded, ttl, options, staleFor = 0, guard = undefined) {
  const { tiers } = view;
  const { engine, live } = tiers;
  const full = view.prefix + key;
  if (guard === undefined) tiers.flights.supersede(full);
  const { flags, l1Ttl, l3Ttl } = options;
  const tags = (options.tags ?? []).map((tag) => view.prefix + tag);
  const draw = options.skipTtlRandomization || tiers.config.jitter === 0 ? -1 : tiers.random();
  const times = live === undefined ? [] : deadlines(tiers, ttl, l1Ttl, staleFor, draw);
  if (engine === undefined) {
    if (flags & 1) live.delete(full);
    else return live.set(full, value, times[0], times[1], tags);
    return true;
  }
  const before = live === undefined ? 0 : engine.epoch(full);
  const lifetime = { ttl, l1Ttl, l3Ttl, staleFor, jitter: draw };
  const taken = engine.write(full, encoded.tag, encoded.payload, tiers.now(), lifetime, tags, flags, guard);
  if (live !== undefined && !(flags & 1)) hold(view, full, value, times, tags, before);
  return taken;
}

/** Holds a live value beside what was written just now, unless somebody else has changed the key since. */
function hold({ tiers }, full, value, [deadline, staleUntil, end], tags, before) {
  const { engine, live } = tiers;
  const after = engine.epoch(full);
  if (after === before + 1) return live.fill(full, value, deadline, staleUntil, engine.cell(full), after, tags, end);
  live.delete(full);
  return true;
}

/** `options` are undefined where none were given. */
async function set(view, key, value, ttl, options = NO_OPTIONS) {
  if (options === NO_OPTIONS && !view.tiers.wide) return setSync(view, key, value, ttl);
  return put(view, key, value, prepared(view.tiers, key, value), ttl, options);
}

/** A load's fill. */
async function fill(view, key, value, ttl, options, staleFor, guard) {
  return put(view, key, value, prepared(view.tiers, key, value), ttl, options, staleFor, guard);
}

/** Writes to memory alone; whether it was taken. */
function setSync(view, key, value, ttl) {
  const { tiers } = view;
  const { live, engine, config } = tiers;
  checkValue(key, value);
  if (live !== undefined && engine === undefined && config.jitter === 0) {
    // the short way of what put() does
    const full = view.prefix + key;
    tiers.flights.supersede(full);
    return live.set(full, value, ttl === undefined || ttl === Infinity ? Infinity : tiers.now() + millis(ttl));
  }
  if (live === undefined) {
    const { tag, payload } = encode(config.codec, key, value);
    const full = view.prefix + key;
    tiers.flights.supersede(full);
    engine.writeMemory(full, tag, payload, tiers.now(), ttl ?? 0, config.jitter === 0 ? -1 : tiers.random());
    return true;
  }
  if (engine === undefined) return put(view, key, value, undefined, ttl, NO_OPTIONS);
  // a live value that does not travel need not be encoded
  const full = view.prefix + key;
  tiers.flights.supersede(full);
  const before = tiers.engine.epoch(full);
  tiers.engine.removeMemory(full, tiers.now());
  const times = deadlines(tiers, ttl, undefined, 0, tiers.config.jitter === 0 ? -1 : tiers.random());
  return hold(view, full, value, times, [], before);
}

async function setMany(view, entries, options) {
  if (entries === null || typeof entries !== 'object' || typeof entries[Symbol.iterator] !== 'function') {
    throw wrongType('entries', 'an iterable of [key, value, ttl]', entries);
  }
  const list = [];
  // all are checked before the first is written
  for (const entry of entries) {
    if (!Array.isArray(entry)) throw wrongType(`entries[${list.length}]`, 'an array [key, value, ttl]', entry);
    const [key, value, ttl] = entry;
    checkKey(key);
    list.push([key, value, prepared(view.tiers, key, value), readTtl(ttl, `entries[${list.length}].ttl`)]);
  }
  const taken = await Promise.all(list.map(([key, value, encoded, ttl]) => put(view, key, value, encoded, ttl, options)));
  return taken.every(Boolean);
}

module.exports = { set, fill, setSync, setMany };
