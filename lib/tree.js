'use strict';
// Builds a tree from slices: one short JSON.parse per piece, and the event loop in between.
const native = require('./native');
const { nextTurn } = require('./completion');

/** Characters that one turn parses, about; a piece is no longer than that, strings aside. */
const TURN_CHARACTERS = 256 * 1024;
/** What a step costs beside its text, in characters. */
const STEP_CHARACTERS = 512;

const OP = { value: 1, string: 2, run: 3, array: 4, object: 5, close: 6 };

function put(parent, key, value) {
  if (Array.isArray(parent)) parent.push(value);
  else if (key !== '__proto__') parent[key] = value;
  else Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
}

function append(parent, run) {
  if (Array.isArray(parent)) {
    for (let at = 0; at < run.length; at += 1) parent.push(run[at]);
  } else {
    for (const key of Object.keys(run)) put(parent, key, run[key]);
  }
}

/** The whole tree; stops early once `owner.stopped` says that nobody waits. */
async function build(slices, owner) {
  const open = [];
  let whole;
  let turn = 0;
  const place = (value) => {
    if (open.length === 0) whole = value;
    else put(open[open.length - 1], native.slicesKey(slices), value);
  };
  try {
    for (let op = native.slicesNext(slices); op !== 0 && !owner?.stopped; op = native.slicesNext(slices)) {
      const text = native.slicesText(slices);
      turn += STEP_CHARACTERS + (text?.length ?? 0);
      if (turn > TURN_CHARACTERS) {
        await nextTurn();
        turn = text?.length ?? 0;
      }
      if (op === OP.value) place(JSON.parse(text));
      else if (op === OP.string) place(text);
      else if (op === OP.run) append(open[open.length - 1], JSON.parse(text));
      else if (op === OP.close) open.pop();
      else {
        const container = op === OP.array ? [] : {};
        place(container);
        open.push(container);
      }
    }
    return whole;
  } finally {
    native.slicesClose(slices);
  }
}

module.exports = { build };
