'use strict';
// The rule of the services that are replaced, with its books as they were kept: a permit that is handed out is a success, latency
// is what passes between the call and its end (the wait included), what fails or times out is not timed. Besides the window of
// tokens, which begins anew when it is over, it can rule over work in flight, so that it can stand beside the others.

class OriginalRule {
  #clock;
  #rules;
  #queue = [];
  #inFlight = 0;
  #tokens;
  #timer;
  #books = { handedOut: 0, latencyMs: 0, latencies: 0 };
  #windowBegan = 0;
  #intervalBegan = 0;
  limit;
  /** Every move: when, from, to. */
  moves = [];

  /** `windowMs` 0: the limit is of work in flight. */
  constructor(clock, { start, min, max, intervalMs, windowMs = 0, maxQueue = Infinity }) {
    this.#clock = clock;
    this.#rules = { min, max, intervalMs, windowMs, maxQueue };
    this.limit = start;
    this.#tokens = start;
  }

  async execute(work, { timeoutMs = Infinity } = {}) {
    const began = this.#clock.now;
    await this.#acquire(timeoutMs);
    try {
      const value = await work();
      if (value.status < 400) {
        this.#books.latencyMs += this.#clock.now - began;
        this.#books.latencies += 1;
      }
      return value;
    } finally {
      this.#inFlight -= 1;
      this.#pass();
    }
  }
  #acquire(timeoutMs) {
    return new Promise((resolve, reject) => {
      if (this.#queue.length >= this.#rules.maxQueue) return void reject(new Error('too many wait'));
      const waiter = { resolve, isWaiting: true };
      this.#queue.push(waiter);
      this.#pass();
      if (!waiter.isWaiting || timeoutMs === Infinity) return undefined;
      return void this.#clock.after(timeoutMs, () => {
        if (!waiter.isWaiting) return;
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        reject(new Error('it waited too long'));
      });
    });
  }
  #pass() {
    const { now } = this.#clock;
    const { windowMs } = this.#rules;
    this.#adjust();
    if (windowMs > 0 && now - this.#windowBegan >= windowMs) {
      this.#windowBegan = now;
      this.#tokens = this.limit;
    }
    while (this.#queue.length > 0 && (windowMs > 0 ? this.#tokens > 0 : this.#inFlight < this.limit)) {
      const waiter = this.#queue.shift();
      waiter.isWaiting = false;
      this.#tokens -= 1;
      this.#inFlight += 1;
      this.#books.handedOut += 1;
      waiter.resolve();
    }
    if (windowMs === 0 || this.#queue.length === 0 || this.#timer !== undefined) return;
    this.#timer = this.#clock.after(this.#windowBegan + windowMs - now, () => {
      this.#timer = undefined;
      this.#pass();
    });
  }
  #adjust() {
    const { min, max, intervalMs } = this.#rules;
    if (this.#clock.now - this.#intervalBegan < intervalMs) return;
    const { handedOut, latencyMs, latencies } = this.#books;
    this.#intervalBegan = this.#clock.now;
    this.#books = { handedOut: 0, latencyMs: 0, latencies: 0 };
    // whatever is handed out is a success: the rate is 1, or there is nothing to learn from
    if (handedOut === 0) return;
    const mean = latencies === 0 ? 0 : latencyMs / latencies;
    const from = this.limit;
    if (mean < 100) this.limit = Math.min(max, from + 1);
    else if (mean > 500) this.limit = Math.max(min, from - 1);
    if (this.limit !== from) this.moves.push([this.#clock.now, from, this.limit]);
  }
}

module.exports = { OriginalRule };
