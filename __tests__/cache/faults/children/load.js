'use strict';
// Callers that never rest: each reads a key, now and then writes one, and checks what it gets.
const { setImmediate: turn } = require('node:timers/promises');

class Load {
  #calls = [];
  #marks = [];
  #going = true;
  #running;
  #errors = [];
  #wrong = 0;
  #found = 0;

  constructor(cache, { width = 64, keys = 1000, setEvery = 10, skipL1 = false }) {
    const call = async (number) => {
      // Scattered, so that what is written is also read.
      const key = `load${(Math.imul(number, 0x9e3779b1) >>> 8) % keys}`;
      if (number % setEvery === 0) return cache.set(key, { key, number }, 60);
      const value = await cache.get(key, { skipL1 });
      if (value !== null) this.#found += 1;
      if (value !== null && value.key !== key) this.#wrong += 1;
      return value;
    };
    const caller = async (at) => {
      for (let number = at; this.#going; number += width) {
        const start = performance.now();
        try {
          await call(number);
        } catch (error) {
          this.#errors.push(`${error.code}: ${error.message}`);
        }
        this.#calls.push([start, performance.now() - start]);
        // Hits settle in microtasks: without a turn nothing else would ever run.
        await turn();
      }
    };
    this.#running = Promise.all(Array.from({ length: width }, (_, at) => caller(at + 1)));
  }
  /** A place in time to measure from or to. */
  mark() {
    return this.#marks.push(performance.now()) - 1;
  }
  /** Calls that began between two marks. */
  measured({ from, to }) {
    const [start, end] = [this.#marks[from], this.#marks[to] ?? Infinity];
    const times = this.#calls.filter(([at]) => at >= start && at < end).map(([, ms]) => ms).sort((a, b) => a - b);
    return { calls: times.length, slowestMs: times.at(-1) ?? 0, p99Ms: times[Math.floor(times.length * 0.99)] ?? 0 };
  }
  async stop() {
    this.#going = false;
    await this.#running;
    return { errors: this.#errors, wrong: this.#wrong, found: this.#found, calls: this.#calls.length };
  }
}

module.exports = { Load };
