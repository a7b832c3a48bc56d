'use strict';
// Promises for native work. One settle function per copy of this module; see src/completion.rs for the protocol.
const native = require('./native');
const { fromNative } = require('./errors');

const waiting = new Map();
let nextId = 1;
let shell;
/** What the process stays alive for. */
let held = 0;

/** Keeps the process alive until `release`. */
function hold() {
  // registered here, so that this closure keeps `settle` alive: the native side refers to it weakly while idle
  shell ??= native.registerShell(settle);
  if (held === 0) native.hold(shell);
  held += 1;
}
function release() {
  held -= 1;
  if (held === 0) native.release(shell);
}

function settle(list) {
  let ended = 0;
  for (let at = 0; at < list.length; at += 3) {
    const entry = waiting.get(list[at]);
    if (entry === undefined) continue;
    waiting.delete(list[at]);
    if (entry.holds) ended += 1;
    if (list[at + 1]) entry.resolve(list[at + 2]);
    else entry.reject(fromNative(list[at + 2]));
  }
  if (ended > 0) {
    held -= ended;
    if (held === 0) native.release(shell);
  }
}

function launch(start, holds) {
  return new Promise((resolve, reject) => {
    shell ??= native.registerShell(settle);
    const id = nextId;
    nextId = id === 0xffffffff ? 1 : id + 1;
    if (holds) hold();
    waiting.set(id, { resolve, reject, holds });
    try {
      start(shell, id);
    } catch (error) {
      waiting.delete(id);
      if (holds) release();
      reject(fromNative(error));
    }
  });
}

/**
 * Starts native work as `start(shell, id)` and returns the promise of its result. While it is pending the process
 * stays alive.
 */
const begin = (start) => launch(start, true);

/** The same for what no caller waits for: the process may end before. */
const beginQuietly = (start) => launch(start, false);

/** A turn of the event loop, without a timer: those may be fake. */
const nextTurn = () => begin(native.nextTurn);

module.exports = { begin, beginQuietly, nextTurn, hold, release };
