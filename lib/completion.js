'use strict';
// Promises for native work. One settle function per copy of this module; see src/completion.rs for the protocol.
const native = require('./native');
const { fromNative } = require('./errors');

const waiting = new Map();
let nextId = 1;
let shell;

function settle(list) {
  for (let at = 0; at < list.length; at += 3) {
    const entry = waiting.get(list[at]);
    if (entry === undefined) continue;
    waiting.delete(list[at]);
    if (list[at + 1]) entry.resolve(list[at + 2]);
    else entry.reject(fromNative(list[at + 2]));
  }
  if (waiting.size === 0) native.release(shell);
}

/**
 * Starts native work as `start(shell, id)` and returns the promise of its result. While it is pending the process
 * stays alive.
 */
function begin(start) {
  return new Promise((resolve, reject) => {
    // registered here, so that this closure keeps `settle` alive: the native side refers to it weakly while idle
    shell ??= native.registerShell(settle);
    const id = nextId;
    nextId = id === 0xffffffff ? 1 : id + 1;
    if (waiting.size === 0) native.hold(shell);
    waiting.set(id, { resolve, reject });
    try {
      start(shell, id);
    } catch (error) {
      waiting.delete(id);
      if (waiting.size === 0) native.release(shell);
      reject(fromNative(error));
    }
  });
}

/** A turn of the event loop, without a timer: those may be fake. */
const nextTurn = () => begin(native.nextTurn);

module.exports = { begin, nextTurn };
