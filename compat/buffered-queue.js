'use strict';
// The part of a queue that holds tasks until their batch is full: what of it can be seen, set and emptied.
const options = require('../lib/options');
const { Outbox } = require('./outbox');

const MANY = 2 ** 31 - 1;
const count = options.integer(1, MANY);
const pause = options.milliseconds(0);

class BufferedQueue {
  #outbox;
  #batchSize;
  #batchTimeout;
  #maxBufferSize;
  /** A timer that a suite has put there, and what stands for that of the buffer. */
  #assignedTimer = null;
  #timer = {};

  /** `bufferMutex`: what `flush` runs in, by its `runExclusive`; null: in nothing. */
  constructor({ batchSize, batchTimeout, maxBufferSize, mutex }) {
    this.#batchSize = batchSize;
    this.#batchTimeout = batchTimeout;
    this.#maxBufferSize = maxBufferSize;
    this.bufferMutex = mutex ?? null;
  }
  /** To be called once; see Outbox for the owner, whose `settings` need not say size and time. */
  _open({ settings, ...owner }) {
    this.#outbox = new Outbox({
      ...owner,
      settings: () => ({ ...settings(), batchSize: this.#batchSize, batchTimeout: this.#batchTimeout, maxSize: this.#maxBufferSize }),
    });
  }
  _bring(task, key, isAwaited) {
    return this.#outbox.bring(task, key, isAwaited);
  }

  /** Tasks that wait for their batch, oldest first. */
  get buffer() {
    return this.#outbox.list;
  }
  set buffer(tasks) {
    if (!Array.isArray(tasks)) throw options.wrongType('buffer', 'an array', tasks);
    this.#outbox.list = tasks;
  }
  get batchSize() {
    return this.#batchSize;
  }
  set batchSize(size) {
    this.#batchSize = count(size, 'batchSize');
    this.#outbox.change();
  }
  get batchTimeout() {
    return this.#batchTimeout;
  }
  set batchTimeout(ms) {
    this.#batchTimeout = pause(ms, 'batchTimeout');
    this.#outbox.change();
  }
  get maxBufferSize() {
    return this.#maxBufferSize;
  }
  set maxBufferSize(size) {
    this.#maxBufferSize = count(size, 'maxBufferSize');
    this.#outbox.change();
  }
  /** Something while a batch waits to fill, else null. */
  get flushTimer() {
    if (this.#assignedTimer !== null) return this.#assignedTimer;
    return this.#outbox.list.length > 0 && this.#outbox.status().hasActiveTimer ? this.#timer : null;
  }
  set flushTimer(timer) {
    this.#assignedTimer = timer ?? null;
  }
  #clearTimer() {
    if (this.#assignedTimer !== null) clearTimeout(this.#assignedTimer);
    this.#assignedTimer = null;
  }
  /** Hands over all that waits; resolves when what was brought before is settled. */
  async flush() {
    this.#clearTimer();
    if (this.bufferMutex === null) return this._flushBuffer();
    return this.bufferMutex.runExclusive(() => this._flushBuffer());
  }
  async _flushBuffer() {
    await this.#outbox.flush();
  }
  /** As flush, also for what is under way, and takes nothing more. */
  async close(settings) {
    this.#clearTimer();
    return this.#outbox.close(settings);
  }
  /** Drops what waits; who waits for it gets an error. How many they were. */
  clearBuffer() {
    this.#clearTimer();
    return this.#outbox.clear(new Error('Buffer cleared'));
  }
  getBufferStatus() {
    const { inFlight, waiting } = this.#outbox.status();
    return {
      size: this.buffer.length,
      batchSize: this.#batchSize,
      batchTimeout: this.#batchTimeout,
      hasActiveTimer: this.flushTimer !== null,
      inFlight,
      waiting,
      maxSize: this.#maxBufferSize,
      usage: this.buffer.length / this.#maxBufferSize,
    };
  }
}

module.exports = { BufferedQueue, count };
