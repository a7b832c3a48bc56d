'use strict';
// A clock that the simulation moves by hand, a millisecond at a time, and the timers that belong to it.

/** While it runs, `setTimeout` and `clearTimeout` of this realm are those of the clock. */
class ManualClock {
  now = 0;
  #due = new Map();

  /** Calls `work` in `ms` milliseconds, in the order of the calls within one. */
  after(ms, work) {
    const at = this.now + Math.max(0, Math.ceil(ms));
    const timer = { work, unref: () => timer };
    const others = this.#due.get(at);
    if (others === undefined) this.#due.set(at, [timer]);
    else others.push(timer);
    return timer;
  }

  /** Runs `work(clock)` and then the time until `endMs`. Nothing that happens at one millisecond sees another. */
  async run(endMs, work) {
    const { setTimeout, clearTimeout, setImmediate } = globalThis;
    const settled = () => new Promise((resolve) => { setImmediate(resolve); });
    const { stackTraceLimit } = Error;
    // thousands are refused, and nobody looks where
    Error.stackTraceLimit = 0;
    globalThis.setTimeout = (call, ms, ...args) => this.after(ms, () => call(...args));
    globalThis.clearTimeout = (timer) => { if (timer) timer.work = undefined; };
    try {
      work(this);
      await settled();
      for (; this.now <= endMs; this.now += 1) {
        for (let due; (due = this.#due.get(this.now)) !== undefined;) {
          this.#due.delete(this.now);
          for (const { work: call } of due) call?.();
          await settled();
        }
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
      Object.assign(globalThis, { setTimeout, clearTimeout });
    }
  }
}

module.exports = { ManualClock };
