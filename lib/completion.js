'use strict';
// Promises for native work. One settle function per copy of this module; see src/completion.rs for the protocol.
const native = require('./native');
const { fromNative } = require('./errors');

/** What is expected: entries `{ resolve, reject }`, and functions that are announced to again and again. */
const entries = [];
/** The id under which each entry is expected: its place, and a number that changes when the place is taken again. */
const ids = [];
const free = [];
const PLACE = 0xffffff;
let waiting = 0;
let shell;
let holding = false;
/** What the process is kept for besides. */
let holds = 0;

/** Numbers of replies to reads, in the order of src/cache/values.rs; shared with native code. */
let numbers;
const FIELDS = 11;
const [FOUND, FAILED] = [0, 2];
const tiers = [undefined, 'l1', 'l2', 'l3'];

/** Called with `[id, ok, value, …]`, or with a count and the payloads of so many reads. */
function settle(list, ...payloads) {
  if (typeof list === 'number') settleReads(list, payloads);
  else settleList(list);
  rest();
}
function settleList(list) {
  for (let at = 0; at < list.length; at += 3) {
    const entry = entryOf(list[at]);
    if (typeof entry === 'function') entry(list[at + 2]);
    if (typeof entry !== 'object') continue;
    forget(list[at]);
    if (list[at + 1]) entry.resolve(list[at + 2]);
    else entry.reject(fromNative(list[at + 2]));
  }
}
const entryOf = (id) => (ids[id & PLACE] === id ? entries[id & PLACE] : undefined);
function settleReads(count, payloads) {
  for (let index = 0, at = 0; index < count; index++, at += FIELDS) {
    const id = numbers[at];
    const entry = entryOf(id);
    if (entry === undefined) continue;
    forget(id);
    const status = numbers[at + 1];
    if (status === FOUND) entry.resolve(found(payloads[index], at));
    else if (status === FAILED) entry.reject(fromNative(payloads[index]));
    else entry.resolve(null);
  }
}
/**
 * What a cache found, by the numbers from that place on. `stale`: 0 fresh, 1 past its deadline, 2 suspect: to be served
 * in place of an error only. `nearUntil`: until when it may be served without asking, while `cells[cell] === epoch`
 * and `cells[65536] === era`.
 */
function found(payload, at) {
  return {
    tag: numbers[at + 2] | 0,
    payload,
    // decoded where it is asked for; here, so that all have one shape
    value: undefined,
    tier: tiers[numbers[at + 3]],
    deadline: numbers[at + 4],
    nearUntil: numbers[at + 5],
    staleUntil: numbers[at + 6],
    stale: numbers[at + 7] | 0,
    cell: numbers[at + 8] | 0,
    epoch: numbers[at + 9],
    era: numbers[at + 10],
  };
}

/** An id that nothing is expected under. */
function newId() {
  // registered here, so that the callers keep `settle` alive: the native side refers to it weakly while idle
  shell ??= native.registerShell(settle);
  if (free.length === 0) {
    entries.push(undefined);
    return ids.push(ids.length) - 1;
  }
  const place = free.pop();
  ids[place] = (ids[place] + PLACE + 1) >>> 0;
  return ids[place];
}

/** Calls `entry.resolve(value)` or `entry.reject(error)` when the id is settled; the process stays until then. */
function expect(id, entry) {
  keep();
  entries[id & PLACE] = entry;
  waiting += 1;
}
/** The id is free again. */
function forget(id) {
  const place = id & PLACE;
  if (ids[place] !== id) return;
  if (typeof entries[place] === 'object') waiting -= 1;
  entries[place] = undefined;
  free.push(place);
}
function keep() {
  if (holding) return;
  native.hold(shell);
  holding = true;
}
/** Keeps the process alive until `release`. */
function hold() {
  shell ??= native.registerShell(settle);
  keep();
  holds += 1;
}
function release() {
  holds -= 1;
  rest();
}
/** Lets the process go when nothing is pending. */
function rest() {
  if (holding && waiting === 0 && holds === 0) {
    holding = false;
    native.release(shell);
  }
}

/**
 * Starts native work as `start(shell, id)` and returns the promise of its result. While it is pending the process
 * stays alive.
 */
function begin(start) {
  return new Promise((resolve, reject) => {
    const id = newId();
    expect(id, { resolve, reject });
    try {
      start(shell, id);
    } catch (error) {
      forget(id);
      rest();
      reject(fromNative(error));
    }
  });
}

/**
 * Starts native work that may be done at once: `start(shell, id)` returns its result then, else undefined. Returns
 * the result or its promise; throws what `start` throws.
 */
function attempt(start) {
  const id = newId();
  let known;
  try {
    known = start(shell, id);
  } catch (error) {
    forget(id);
    throw fromNative(error);
  }
  if (known !== undefined && known !== null) {
    forget(id);
    return known;
  }
  // nothing is settled before the event loop turns, so it is early enough to expect it now
  return new Promise((resolve, reject) => expect(id, { resolve, reject }));
}

/** Calls `call(value)` whenever native code announces something under the id that `start(shell, id)` is given. */
function subscribe(call, start) {
  const id = newId();
  entries[id & PLACE] = call;
  try {
    start(shell, id);
  } catch (error) {
    forget(id);
    throw error;
  }
  return id;
}
/** To be called when native code has been told. */
const unsubscribe = forget;
/** Calls `call()` when native code settles the id that `start(shell, id)` is given; the process may end before. */
function once(call, start) {
  const id = newId();
  entries[id & PLACE] = () => {
    forget(id);
    call();
  };
  try {
    start(shell, id);
  } catch (error) {
    forget(id);
    throw fromNative(error);
  }
}

/** The numbers of what was looked up or settled last. */
function sharedNumbers() {
  numbers ??= new Float64Array(native.cacheNumbers());
  return numbers;
}
/** The shell's number: reads are started with it. */
const thisShell = () => {
  shell ??= native.registerShell(settle);
  return shell;
};

/** A turn of the event loop, without a timer: those may be fake. */
const nextTurn = () => begin(native.nextTurn);

module.exports = { begin, attempt, subscribe, unsubscribe, once, hold, release, expect, forget, newId, thisShell, sharedNumbers, found, nextTurn };
