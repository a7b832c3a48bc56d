'use strict';
// Deletes: keys, patterns, tags, everything; now, and once more later.
const { outOfRange } = require('../options');
const native = require('../native');
const { isGlob, literally } = require('./keys');

async function deleteKeys(view, keys) {
  const { tiers } = view;
  const fulls = [...new Set(keys)].map((key) => view.prefix + key);
  let held = 0;
  for (const full of fulls) {
    tiers.flights.supersede(full);
    if (tiers.live?.delete(full)) held += 1;
  }
  if (tiers.engine === undefined || fulls.length === 0) return held;
  return Math.max(held, await tiers.engine.remove(fulls, tiers.now()));
}

/** Removes live values, stale ones too; `pick` gives those of the keys that are meant. How many were fresh. */
function deleteLive({ live }, pick) {
  if (live === undefined) return 0;
  return pick(Array.from(live.keys())).filter((key) => live.delete(key)).length;
}

async function deletePattern(view, pattern) {
  const { tiers, prefix } = view;
  const glob = literally(prefix) + pattern;
  // which of the loads under way it means need not be known: the others only load once more
  tiers.flights.supersedeAll(prefix);
  const held = deleteLive(tiers, (keys) => native.globMatches(glob, keys).map((at) => keys[at]));
  return tiers.engine === undefined ? held : Math.max(held, await tiers.engine.removePattern(glob, tiers.now()));
}

async function deleteOne(view, keyOrPattern) {
  const removed = isGlob(keyOrPattern) ? await deletePattern(view, keyOrPattern) : await deleteKeys(view, [keyOrPattern]);
  return removed > 0;
}

async function deleteByTag(view, tag) {
  const { tiers } = view;
  const full = view.prefix + tag;
  // which keys a load under way will tag is not known
  tiers.flights.supersedeAll(view.prefix);
  const held = (tiers.live?.tagged(full) ?? []).filter((key) => tiers.live.delete(key)).length;
  return tiers.engine === undefined ? held : Math.max(held, await tiers.engine.removeTag(full, tiers.now()));
}

/** The second time runs when the delay has passed, or at close. */
async function deleteTwice(view, key, delayMs) {
  const { tiers } = view;
  const again = () => {
    tiers.later.delete(again);
    deleteKeys(view, [key]).catch(() => {});
  };
  const timer = setTimeout(again, delayMs);
  timer.unref?.();
  tiers.later.set(again, timer);
  return (await deleteKeys(view, [key])) > 0;
}

const startingWith = (prefix) => (keys) => keys.filter((key) => key.startsWith(prefix));

async function clear(view) {
  const { tiers, prefix } = view;
  if (prefix === '' && tiers.config.redis?.keyPrefix === '') {
    throw outOfRange('redis.keyPrefix', 'a string that is not empty, or the cache a namespace, for clear(): it would empty the whole database', '');
  }
  tiers.flights.supersedeAll(prefix);
  if (prefix === '') tiers.live?.clear();
  else deleteLive(tiers, startingWith(prefix));
  await tiers.engine?.clear(prefix, tiers.now());
}

function deleteSync(view, key) {
  const { tiers } = view;
  const full = view.prefix + key;
  tiers.flights.supersede(full);
  const held = tiers.live?.delete(full) ?? false;
  return tiers.engine === undefined ? held : Boolean(tiers.engine.removeMemory(full, tiers.now())) || held;
}

function clearSync(view) {
  const { tiers, prefix } = view;
  tiers.flights.supersedeAll(prefix);
  if (prefix === '') tiers.live?.clear();
  else deleteLive(tiers, startingWith(prefix));
  tiers.engine?.clearMemory(prefix, tiers.now());
}

module.exports = { deleteKeys, deletePattern, deleteOne, deleteByTag, deleteTwice, clear, deleteSync, clearSync };
