'use strict';
// Reads: what tiers have of a key, as a value, as bytes, as a time left.
const { readGet } = require('./options');
const { decode, encode, toBytes } = require('../codec');
const { limits } = require('./limits');
const { checkKey } = require('./keys');

const thenable = (value) => value !== null && typeof value === 'object' && typeof value.then === 'function';
const OTHER_TIERS = 6;

/**
 * What the tiers have of a key: null, or `{ tier, deadline, stale, … }` with `value` where it is live; a promise of that
 * where a tier below memory is asked.
 */
function find(view, key, flags) {
  const { tiers } = view;
  const { engine, live, wide } = tiers;
  const full = view.prefix + key;
  const now = tiers.now();
  let behind = null;
  let doubted;
  if (live !== undefined && !(flags & 1)) {
    const entry = live.peekStale(full);
    if (entry !== undefined) {
      const found = { value: entry.value, tier: 'l1', deadline: entry.end, stale: now > entry.deadline };
      if (!found.stale) {
        live.get(full); // so that it counts as a use
        return found;
      }
      // before its own deadline it is only due to be asked for
      if (now > entry.end) behind = found;
      else doubted = found;
    }
  }
  if (engine === undefined) return behind;
  const left = () => (doubted === undefined ? behind : unconfirmed(tiers, full, doubted, flags));
  if (!(flags & 1)) {
    const found = lookup(tiers, full, now, flags);
    if (found !== undefined && !(wide && found?.stale)) return found ?? left();
  }
  if (!wide || (flags & OTHER_TIERS) === OTHER_TIERS) return behind;
  return engine.read(full, now, flags).then((found) => found ?? left());
}

/** A live value that was due to be asked for, and that no tier below has: it was deleted, unless Redis could not say. */
function unconfirmed({ engine, live }, full, found, flags) {
  if (flags & 2) return null;
  // stale before its deadline: only in place of an error
  if (engine.health().redis === 'down') return found;
  if (live.peekStale(full)?.value === found.value) live.delete(full);
  return null;
}

function lookup({ engine, stats }, full, now, flags) {
  const found = engine.lookup(full, now, flags);
  if (found === null && engine.wasRemembered()) stats.negative();
  return found;
}

/** Decodes what was found and holds it near; null, counted, when it cannot be read. */
function opened(view, key, found, flags) {
  if (found === null || found.value !== undefined) return found;
  const value = decode(found.tag, found.payload);
  if (value === undefined) {
    view.tiers.stats.damaged();
    return null;
  }
  found.value = value;
  if (!found.stale && flags === 0 && found.nearUntil > 0 && !view.closed) {
    const until = Math.min(found.deadline, found.nearUntil);
    // near values in front of bytes need no time of their own
    const end = view.tiers.live === undefined ? until : found.deadline;
    view.near.fill(view.nearPrefix + key, value, until, until, found.cell, momentOf(found), undefined, end);
  }
  return found;
}

/** As find(), with the value. */
function fetch(view, key, flags) {
  const found = find(view, key, flags);
  return thenable(found) ? found.then((late) => opened(view, key, late, flags)) : opened(view, key, found, flags);
}

// epoch and era as one number, as Engine.epoch gives it
const momentOf = ({ epoch, era }) => (epoch >>> 0) + (era & 0x1fffff) * 2 ** 32;
const isHit = (found) => found !== null && !found.stale;
/** Counts a read and gives what is to be served. */
function served(view, found) {
  if (isHit(found)) {
    view.tiers.stats.hit(found.tier);
    return found;
  }
  view.tiers.stats.miss();
  return null;
}
/** `read` is not called for a signal that has fired: nobody would hear how it ends. */
async function bySignal(signal, what, read) {
  if (signal === undefined) return read();
  const limit = limits({ signal }, what);
  try {
    return await limit.race(read());
  } finally {
    limit.clear();
  }
}

/** Without options, where our own engine asks the tiers: one call, one promise. */
function getDirect(view, key) {
  return new Promise((resolve, reject) => {
    const { tiers } = view.open();
    checkKey(key);
    const take = (found) => {
      try {
        const hit = served(view, opened(view, key, found, 0));
        resolve(hit === null ? null : hit.value);
      } catch (error) {
        reject(error);
      }
    };
    const known = tiers.engine.readNow(view.prefix + key, tiers.now(), 0, take, reject);
    if (known === undefined) return;
    if (known === null && tiers.engine.wasRemembered()) tiers.stats.negative();
    take(known);
  });
}
function get(view, key, options) {
  return options === undefined && view.tiers.direct ? getDirect(view, key) : getWith(view, key, options);
}
async function getWith(view, key, options) {
  view.open();
  checkKey(key);
  const { flags, signal } = readGet(options);
  const { bare, engine, now } = view.tiers;
  const read = bare && flags === 0
    ? () => engine.readValue(view.prefix + key, now()).then((late) => opened(view, key, late, 0))
    : () => fetch(view, key, flags);
  const found = served(view, await bySignal(signal, 'get', read));
  return found === null ? null : found.value;
}

function getSync(view, key) {
  view.open();
  checkKey(key);
  const found = served(view, inMemory(view, key));
  return found === null ? null : found.value;
}
function inMemory(view, key) {
  return opened(view, key, find(view, key, OTHER_TIERS), 0);
}
const hasSync = (view, key) => isHit(find(view, key, OTHER_TIERS));

const secondsLeft = (found, now) => (found.deadline === Infinity ? Infinity : Math.max(found.deadline - now, 0) / 1000);

async function getEntry(view, key, options) {
  const { flags, signal } = readGet(options);
  const found = await bySignal(signal, 'getEntry', () => fetch(view, key, flags));
  const now = view.tiers.now();
  served(view, found);
  // a suspect copy, stale before its deadline, is nothing to tell of
  if (found === null || (found.stale && now <= found.deadline)) return null;
  return { value: found.value, tier: found.tier, ttl: secondsLeft(found, now), stale: Boolean(found.stale) };
}

async function getBytes(view, key, options) {
  const { flags, signal } = readGet(options);
  const found = served(view, await bySignal(signal, 'getBytes', () => find(view, key, flags)));
  if (found === null) return null;
  const { tag, payload } = found.payload === undefined ? encode(view.tiers.config.codec, key, found.value) : found;
  return toBytes(tag, payload);
}

/** What memory knows of a key: as find(), undefined where other tiers must be asked. */
function atOnce(view, key, flags) {
  const { tiers } = view;
  const value = flags & 1 ? undefined : view.near.get(view.nearPrefix + key);
  if (value !== undefined) return { value, tier: 'l1', stale: false };
  if (!tiers.wide) return find(view, key, flags);
  return tiers.live === undefined && !(flags & 1) ? lookup(tiers, view.prefix + key, tiers.now(), flags) : undefined;
}

async function getMany(view, keys, options) {
  const { flags, signal } = readGet(options);
  const { tiers } = view;
  const out = new Array(keys.length);
  const asked = [];
  for (let at = 0; at < keys.length; at += 1) {
    const found = atOnce(view, keys[at], flags);
    if (found === undefined) asked.push(at);
    else out[at] = served(view, opened(view, keys[at], found, flags))?.value ?? null;
  }
  if (asked.length === 0) return out;
  const late = () => tiers.engine.readMany(asked.map((at) => view.prefix + keys[at]), tiers.now(), flags);
  const answers = await bySignal(signal, 'getMany', late);
  for (const [nth, at] of asked.entries()) out[at] = served(view, opened(view, keys[at], answers[nth], flags))?.value ?? null;
  return out;
}

async function ttl(view, key) {
  if (view.tiers.bare) return view.tiers.engine.secondsLeft(view.prefix + key);
  const found = await find(view, key, 0);
  if (!isHit(found)) return -2;
  const left = secondsLeft(found, view.tiers.now());
  return left === Infinity ? -1 : left;
}

async function keys(view, prefix, limit) {
  const { tiers } = view;
  const start = view.prefix + prefix;
  if (tiers.engine !== undefined) {
    const found = await tiers.engine.keys(start, limit, tiers.now());
    return found.map((full) => full.slice(view.prefix.length));
  }
  const out = [];
  for (const { key } of tiers.live.live()) {
    if (out.length >= limit) break;
    if (key.startsWith(start)) out.push(key.slice(view.prefix.length));
  }
  return out;
}

module.exports = { fetch, get, getSync, hasSync, getEntry, getBytes, getMany, ttl, keys };
