'use strict';
// Random lives of a buffer under a clock of its own, watched by a plain account in JavaScript: every item settles once,
// first hand-overs are in order, nothing is handed over that is gone, bounds hold, and the sums are right.
const { BatchBuffer } = require('sluice');
const { seeded, below, pick } = require('../support/random');
const { microtasks } = require('../support/batch');

const LIVES = Number(process.env.SLUICE_LIVES ?? 150);
const STEPS = 80;

class Life {
  items = [];
  open = [];
  handed = [];
  problems = [];
  revivals = 0;

  constructor(seed) {
    const random = (this.random = seeded(seed));
    const groups = below(random, 2) === 0 ? 1 : 3;
    this.options = {
      batchSize: 1 + below(random, 5), batchTimeout: 10 + below(random, 100), concurrency: 1 + below(random, 3), maxSize: 3 + below(random, 12),
      overflow: pick(random, ['wait', 'reject', 'drop-oldest']), retries: below(random, 3), maxDeadLetters: below(random, 4), adaptive: below(random, 4) === 0,
      handlerTimeoutMs: below(random, 3) === 0 ? 500 : 0, backoff: { minMs: 5 + below(random, 50), jitter: 0.5 }, random, groupBy: groups === 1 ? undefined : (item) => String(item.id % groups),
    };
    if (below(random, 3) === 0) this.options.batchBytes = 40;
    this.mostAway = this.options.concurrency;
    this.mostSize = this.options.maxSize;
    this.group = this.options.groupBy ?? (() => '');
    this.buffer = new BatchBuffer((items, context) => this.handle(items, context), this.options);
    this.buffer.on('dropped', (item, reason) => this.expect(reason === 'dead-letters' || item.ends <= 1, 'dropped twice', item));
  }
  expect(is, what, detail) {
    if (!is) this.problems.push(`${what}: ${JSON.stringify(detail)}`);
  }

  handle(items, { attempt, group, signal }) {
    const { batchSize } = this.options;
    this.expect(items.length > 0 && items.length <= batchSize, 'size of a batch', items.length);
    for (const item of items) {
      this.expect(item.ends === 0 || item.isEnqueued || item.isGivenUp || item.isRevived, 'handed over after its end', item);
      this.expect(!item.isOut && !item.isDead, 'handed over while away or dead', item);
      this.expect(this.group(item) === group, 'group', [item, group]);
      if (item.tries === 0) this.handed.push(item);
      if (!item.isRevived) this.expect(attempt === item.tries + 1, 'attempt', [item, attempt]);
      item.tries = attempt;
      item.isOut = true;
    }
    return new Promise((resolve, reject) => {
      const one = { items, resolve, reject };
      this.open.push(one);
      this.expect(this.open.length <= this.mostAway, 'concurrency', this.open.length);
      signal.addEventListener('abort', () => this.leave(one));
    });
  }
  leave(one) {
    if (!this.open.includes(one)) return false;
    this.open.splice(this.open.indexOf(one), 1);
    for (const item of one.items) item.isOut = false;
    return true;
  }
  endBatch() {
    if (this.open.length === 0) return;
    const one = pick(this.random, this.open);
    this.leave(one);
    const how = below(this.random, 5);
    if (how === 0) one.reject(new Error('down'));
    else if (how === 1) one.reject(Object.assign(new Error('wrong'), { status: 400 }));
    else if (how === 2) one.resolve();
    else one.resolve(one.items.map((item) => (below(this.random, 3) === 0 ? new Error('this one') : item.id)));
  }

  bring(isEnqueued) {
    const item = { id: this.items.length, text: 'x'.repeat(below(this.random, 20)), ends: 0, tries: 0, isEnqueued };
    this.items.push(item);
    const end = (value) => {
      item.ends += 1;
      item.value = value;
    };
    const controller = !isEnqueued && below(this.random, 4) === 0 ? new AbortController() : undefined;
    if (controller) (this.controllers ??= []).push({ controller, item });
    const before = this.standing();
    const promise = isEnqueued ? this.buffer.enqueue(item) : this.buffer.add(item, controller && { signal: controller.signal });
    promise.then(end, end);
    const after = this.standing();
    this.expect(after <= before + 1, 'size after add', [before, after]);
    if (this.options.overflow === 'wait') this.expect(after === before + 1, 'size after add', [before, after]);
  }
  standing() {
    const { size, waiting, inFlight } = this.buffer.getBufferStatus();
    this.expect(size <= this.mostSize + this.revived(), 'maxSize', size);
    this.expect(inFlight === this.open.length, 'in flight', [inFlight, this.open.length]);
    return size + waiting;
  }
  revived() {
    return this.items.filter(({ isRevived }) => isRevived).length;
  }

  async step() {
    const { random, buffer } = this;
    const what = below(random, 12);
    if (what < 5) this.bring(what === 0);
    else if (what < 8) this.endBatch();
    else if (what === 8) jest.advanceTimersByTime(below(random, 120));
    else if (what === 9) void buffer.flush();
    else if (what === 10) await this.rare();
    else await microtasks(5);
  }
  async rare() {
    const { random, buffer } = this;
    const what = below(random, 6);
    const pending = buffer.pending();
    if (what === 0 && pending.length > 0) this.expect(buffer.remove(pick(random, pending).id), 'remove', pending.length);
    if (what === 1 && below(random, 3) === 0) this.expect(buffer.clear() === pending.length, 'clear', pending.length);
    if (what === 2 && this.controllers?.length) {
      const { controller, item } = this.controllers.pop();
      item.isGivenUp = true;
      controller.abort();
    }
    if (what === 3) {
      const letters = await buffer.deadLetters();
      this.expect(letters.length <= this.options.maxDeadLetters, 'letters', letters.length);
      if (letters.length > 0) {
        const { id, item } = pick(random, letters);
        [item.isRevived, item.isDead] = [true, false];
        this.revivals += 1;
        await buffer.retryDeadLetter(id);
      }
    }
    if (what === 4 && below(random, 4) === 0) await buffer.clearDeadLetters();
    if (what === 5) this.update();
  }
  /** Other limits: what is away or was taken in by the larger ones stays. */
  update() {
    const { random, options } = this;
    const limits = { batchSize: 1 + below(random, 5), batchTimeout: 10 + below(random, 100), concurrency: 1 + below(random, 3), maxSize: 3 + below(random, 12) };
    Object.assign(options, limits);
    this.mostAway = Math.max(this.mostAway, limits.concurrency);
    this.mostSize = Math.max(this.mostSize, limits.maxSize);
    this.buffer.updateConfig(limits);
  }

  /** All that is there ends, or is cut off. */
  async end() {
    const { random, buffer } = this;
    const closing = buffer.close(below(random, 3) === 0 ? { timeoutMs: below(random, 60) } : {});
    let account;
    void closing.then((value) => (account = value));
    for (let round = 0; round < 400 && account === undefined; round += 1) {
      this.endBatch();
      await microtasks(5);
      jest.advanceTimersByTime(below(random, 200));
    }
    await microtasks();
    this.expect(account !== undefined, 'it closes', buffer.getBufferStatus());
    if (account === undefined) return;
    for (const item of this.items) this.expect(item.ends === 1, 'settles once', item);
    const { delivered, deadLettered, dropped, aborted, kept } = account;
    this.expect(delivered + deadLettered + dropped + aborted + kept === buffer.getStats().accepted, 'the account', [account, buffer.getStats()]);
    this.expect(buffer.getStats().accepted <= this.items.length + this.revivals, 'accepted', buffer.getStats());
    const groups = [...new Set(this.handed.map(this.group))];
    for (const items of groups.map((group) => this.handed.filter((item) => this.group(item) === group))) this.expect(items.every((item, at) => at === 0 || items[at - 1].id < item.id), 'order', items.map(({ id }) => id));
    this.expect(jest.getTimerCount() === 0, 'timers', jest.getTimerCount());
  }
}

test(`${LIVES} random lives keep the rules`, async () => {
  jest.useFakeTimers();
  try {
    for (let seed = 1; seed <= LIVES; seed += 1) {
      const life = new Life(seed);
      for (let step = 0; step < STEPS; step += 1) await life.step();
      await life.end();
      expect({ seed, problems: life.problems.slice(0, 3) }).toEqual({ seed, problems: [] });
    }
  } finally {
    jest.useRealTimers();
  }
});
