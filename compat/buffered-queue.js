'use strict';
// The part of a queue that holds tasks until their batch is full: what of it can be seen, set and emptied.
const options = require('../lib/options');
const { Outbox } = require('./outbox');

const MANY = 2 ** 31 - 1;
const STATE = Symbol('state');
const count = options.integer(1, MANY);
const pause = options.milliseconds(0);

class BufferedQueue {
  /** `bufferMutex`: what `flush` runs in, by its `runExclusive`; none: in nothing. */
  constructor({ batchSize, batchTimeout, maxBufferSize, mutex }) {
    // `assigned`: a timer that a suite has put there; `timer`: what stands for that of the buffer
    const state = { outbox: undefined, batchSize, batchTimeout, maxBufferSize, assigned: null, timer: {} };
    Object.defineProperty(this, STATE, { value: state, configurable: true });
    this.bufferMutex = mutex ?? null;
  }
  /** To be called once; see Outbox for the owner, whose `settings` need not say size and time. */
  _open({ settings, ...owner }) {
    const { batchSize, batchTimeout, maxBufferSize } = this[STATE];
    this[STATE].outbox = new Outbox({ ...owner, settings: { ...settings, batchSize, batchTimeout, maxSize: maxBufferSize } });
  }
  _bring(task, key, isAwaited) {
    return this[STATE].outbox.bring(task, key, isAwaited);
  }

  /** Tasks that wait for their batch, oldest first. */
  get buffer() {
    return this[STATE].outbox.list;
  }
  set buffer(tasks) {
    if (!Array.isArray(tasks)) throw options.wrongType('buffer', 'an array', tasks);
    this[STATE].outbox.list = tasks;
  }
  get batchSize() {
    return this[STATE].batchSize;
  }
  set batchSize(size) {
    this[STATE].batchSize = count(size, 'batchSize');
    this[STATE].outbox.update({ batchSize: size });
  }
  get batchTimeout() {
    return this[STATE].batchTimeout;
  }
  set batchTimeout(ms) {
    this[STATE].batchTimeout = pause(ms, 'batchTimeout');
    this[STATE].outbox.update({ batchTimeout: ms });
  }
  get maxBufferSize() {
    return this[STATE].maxBufferSize;
  }
  set maxBufferSize(size) {
    this[STATE].maxBufferSize = count(size, 'maxBufferSize');
    this[STATE].outbox.update({ maxSize: size });
  }
  /** Something while a batch waits to fill, else null. */
  get flushTimer() {
    const { assigned, outbox, timer } = this[STATE];
    if (assigned !== null) return assigned;
    return outbox.list.length > 0 && outbox.status().hasActiveTimer ? timer : null;
  }
  set flushTimer(timer) {
    this[STATE].assigned = timer ?? null;
  }
  /** Hands over all that waits; resolves when what was brought before is settled. */
  async flush() {
    clearAssigned(this[STATE]);
    return this.bufferMutex ? this.bufferMutex.runExclusive(() => this._flushBuffer()) : this._flushBuffer();
  }
  async _flushBuffer() {
    await this[STATE].outbox.flush();
  }
  /** As flush, also for what is under way, and takes nothing more. */
  async close(settings) {
    clearAssigned(this[STATE]);
    return this[STATE].outbox.close(settings);
  }
  /** Drops what waits; who waits for it gets an error. How many they were. */
  clearBuffer() {
    clearAssigned(this[STATE]);
    return this[STATE].outbox.clear(new Error('Buffer cleared'));
  }
  getBufferStatus() {
    const { inFlight, waiting } = this[STATE].outbox.status();
    return {
      size: this.buffer.length,
      batchSize: this[STATE].batchSize,
      batchTimeout: this[STATE].batchTimeout,
      hasActiveTimer: this.flushTimer !== null,
      inFlight,
      waiting,
      maxSize: this[STATE].maxBufferSize,
      usage: this.buffer.length / this[STATE].maxBufferSize,
    };
  }
}

function clearAssigned(state) {
  if (state.assigned !== null) clearTimeout(state.assigned);
  state.assigned = null;
}

module.exports = { BufferedQueue, count };
