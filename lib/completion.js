'use strict';
// Promises for native work. One settle function per copy of this module; see src/completion.rs for the protocol.
const native = require('./native');
const { fromNative } = require('./errors');

const waiting = new Map();
const subscriptions = new Map();
let nextId = 1;
let shell;
let holding = false;
/** What the process is kept for besides. */
let holds = 0;

/** Numbers of replies to reads, in the order of src/cache/values.rs; shared with native code. */
let numbers;
const FIELDS = 11;
const FAILED = 2;

/** Called with `[id, ok, value, …]`, or with a count and the payloads of so many reads. */
function settle(list, ...payloads) {
  if (typeof list === 'number') settleReads(list, payloads);
  else settleList(list);
  rest();
}
function settleList(list) {
  for (let at = 0; at < list.length; at += 3) {
    const entry = waiting.get(list[at]);
    if (entry === undefined) {
      subscriptions.get(list[at])?.(list[at + 2]);
      continue;
    }
    waiting.delete(list[at]);
    if (list[at + 1]) entry.resolve(list[at + 2]);
    else entry.reject(fromNative(list[at + 2]));
  }
}
function settleReads(count, payloads) {
  for (let index = 0, at = 0; index < count; index++, at += FIELDS) {
    const id = numbers[at];
    const entry = waiting.get(id);
    if (entry === undefined) continue;
    waiting.delete(id);
    if (numbers[at + 1] === FAILED) entry.reject(fromNative(payloads[index]));
    else entry.resolve(payloads[index], at);
  }
}

function newId() {
  // registered here, so that the callers keep `settle` alive: the native side refers to it weakly while idle
  shell ??= native.registerShell(settle);
  const id = nextId;
  nextId = id === 0xffffffff ? 1 : id + 1;
  return waiting.has(id) || subscriptions.has(id) ? newId() : id;
}

/** Calls `entry.resolve(value)` or `entry.reject(error)` when the id is settled; the process stays until then. */
function expect(id, entry) {
  keep();
  waiting.set(id, entry);
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
  if (holding && waiting.size === 0 && holds === 0) {
    holding = false;
    native.release(shell);
  }
}
/** Nothing is expected under that id any more. */
function forget(id) {
  waiting.delete(id);
  rest();
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
    throw fromNative(error);
  }
  // nothing is settled before the event loop turns, so it is early enough to expect it now
  return known ?? new Promise((resolve, reject) => expect(id, { resolve, reject }));
}

/** Calls `call(value)` whenever native code announces something under the id that `start(shell, id)` is given. */
function subscribe(call, start) {
  const id = newId();
  subscriptions.set(id, call);
  start(shell, id);
  return id;
}
const unsubscribe = (id) => subscriptions.delete(id);
/** Calls `call()` when native code settles the id that `start(shell, id)` is given; the process may end before. */
function once(call, start) {
  const id = newId();
  subscriptions.set(id, () => {
    unsubscribe(id);
    call();
  });
  try {
    start(shell, id);
  } catch (error) {
    unsubscribe(id);
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

module.exports = { begin, attempt, subscribe, unsubscribe, once, hold, release, expect, newId, thisShell, sharedNumbers, nextTurn };
