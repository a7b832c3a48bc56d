'use strict';
// What scenarios have in common. A scenario runs random calls on one class, once on the example's and once on the drop-in's:
// `plan(random)` decides all of them before, `run(classes, plan, world)` does them and returns what was to be seen, and
// `shows(plan)` says, from the plan alone, whether the defect of that title makes the two differ.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { below, pick } = require('../../support/random');

/** Real ones: scenarios run under fake timers. */
const realSetTimeout = setTimeout;
const realClearTimeout = clearTimeout;
const turn = setImmediate;

const range = (random, from, to) => from + below(random, to - from + 1);
const list = (length, make) => Array.from({ length }, (_, at) => make(at));
const always = () => true;
const never = () => false;

/** What a promise comes to, in a form that can be compared. */
const outcome = (promise) => Promise.resolve(promise).then((value) => ({ value }), (error) => ({ error: error.code ?? error.message }));
const attempt = async (call) => {
  try {
    return await outcome(call());
  } catch (error) {
    return { error: error.code ?? error.message };
  }
};
/** `late` when it has not settled after so many real milliseconds. */
function within(ms, promise, late = 'waits') {
  let timer;
  const limit = new Promise((resolve) => {
    timer = realSetTimeout(() => resolve(late), ms);
  });
  return Promise.race([promise, limit]).finally(() => realClearTimeout(timer));
}
/** Lets real I/O go on for some turns of the event loop. */
async function turns(count = 20) {
  for (let at = 0; at < count; at += 1) await new Promise((resolve) => turn(resolve));
}
/** Time passes, and what it wakes runs. */
const pass = (ms) => jest.advanceTimersByTimeAsync(ms);

class World {
  calls = 0;
  #ends = [];

  /** Counts a call that is made on the class. */
  call(made) {
    this.calls += 1;
    return made;
  }
  /** Something to be let go when the scenario is over. */
  last(end) {
    this.#ends.push(end);
  }
  folder() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-differential-'));
    this.last(() => fs.rmSync(folder, { recursive: true, force: true }));
    return folder;
  }
  async end() {
    for (const end of this.#ends.reverse()) await end();
  }
}

module.exports = { World, always, attempt, below, list, never, outcome, pass, pick, range, turns, within };
