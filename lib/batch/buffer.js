'use strict';
// BatchBuffer: items come one by one and leave together.
const { EventEmitter } = require('node:events');
const { buffers } = require('../alive');
const { isError } = require('../errors');
const { wrongType } = require('../options');
const { close, hasten } = require('./closing');
const { Counts } = require('./counts');
const { Durable } = require('./durable');
const { Flow } = require('./flow');
const { Idempotency } = require('./idempotency');
const { readAdd, readClose, readEnqueue, readLimits, readMost, readOptions } = require('./options');
const { hostOf, ownerOf } = require('./owner');
const pull = require('./pull');

class BatchBuffer extends EventEmitter {
  #flow;
  #closing;
  #recovered;

  constructor(handler, options) {
    super();
    if (typeof handler !== 'function' && handler !== null) throw wrongType('handler', 'a function, or null', handler);
    const config = readOptions(options);
    const what = config.name === '' ? 'the batch buffer' : `the batch buffer ${JSON.stringify(config.name)}`;
    this.#flow = new Flow(handler, config, what, (event, makeArgs) => this.#tell(event, makeArgs));
    this.#recovered = plug(this.#flow);
  }
  #tell(event, makeArgs) {
    if (this.listenerCount(event) === 0) return;
    try {
      this.emit(event, ...makeArgs());
    } catch {
      // a listener's failure is no failure of the buffer
    }
  }
  /** The flow, while nobody has closed it. */
  #open() {
    if (this.#flow.refusal !== undefined) throw this.#flow.refusal();
    return this.#flow;
  }

  add(item, options) {
    if (options === undefined) return this.#flow.bring(item, null, undefined, false);
    let read;
    try {
      read = readAdd(options);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#flow.bring(item, read.key, read.signal, false);
  }
  enqueue(item, options) {
    if (options === undefined) return this.#flow.bring(item, null, undefined, true);
    let read;
    try {
      read = readEnqueue(options);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#flow.bring(item, read.key, undefined, true);
  }
  // not async: items are admitted when it returns
  addMany(items) {
    if (this.#flow.refusal !== undefined) return Promise.reject(this.#flow.refusal());
    if (!Array.isArray(items)) return Promise.reject(wrongType('items', 'an array', items));
    return Promise.allSettled(items.map((item) => this.#flow.bring(item, null, undefined, false)));
  }
  flush() {
    try {
      return this.#open().flush();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  clear(reason) {
    if (reason !== undefined && !isError(reason)) throw wrongType('reason', 'an Error', reason);
    return pull.clear(this.#open(), reason);
  }
  take(max) {
    return pull.take(this.#open(), readMost(max));
  }
  settle(id, result) {
    return pull.settle(this.#open(), id, result);
  }
  pending() {
    return pull.pending(this.#open());
  }
  remove(id) {
    return pull.remove(this.#open(), id);
  }

  // at once where nothing has to be waited for: what follows in the same turn, as close(), comes behind
  async deadLetters() {
    if (this.#isOpening) await this.#recovered;
    return pull.deadLetters(this.#open());
  }
  async retryDeadLetter(id) {
    if (this.#isOpening) await this.#recovered;
    pull.retryDeadLetter(this.#open(), id);
  }
  async clearDeadLetters() {
    if (this.#isOpening) await this.#recovered;
    return pull.clearDeadLetters(this.#open());
  }
  /** What the log had kept is not back yet. */
  get #isOpening() {
    const { log } = this.#open();
    return log !== undefined && !log.isReady;
  }

  updateConfig(limits) {
    const flow = this.#open();
    flow.update(readLimits(limits, flow.config));
  }
  getBufferStatus() {
    return this.#flow.status();
  }
  getStats() {
    return this.#flow.counts.read();
  }
  resetStats() {
    this.#flow.counts.reset();
  }
  get recovered() {
    return this.#recovered;
  }

  close(options) {
    let read;
    try {
      read = readClose(options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#closing !== undefined) {
      if (read.timeoutMs !== undefined) hasten(this.#flow, read.timeoutMs);
      return this.#closing;
    }
    // a handler that is called meanwhile may close it too
    let settle;
    this.#closing = new Promise((resolve) => (settle = resolve));
    settle(close(this.#flow, read.timeoutMs));
    return this.#closing;
  }
}

/** Joins what the options ask for besides; returns how many items come back from disk, in a promise. */
function plug(flow) {
  const { config } = flow;
  flow.counts = new Counts(flow);
  flow.forget = buffers.live(flow);
  if (config.idempotency !== undefined) flow.claims = new Idempotency(config.idempotency, hostOf(flow));
  if (config.durable === undefined) return Promise.resolve(0);
  flow.log = new Durable(config.durable, config.name === '' ? 'default' : config.name, ownerOf(flow));
  return flow.log.recovered;
}

// older realms have no such symbol
if (typeof Symbol.asyncDispose === 'symbol') {
  Object.defineProperty(BatchBuffer.prototype, Symbol.asyncDispose, {
    async value() {
      await this.close();
    },
    configurable: true,
    writable: true,
  });
}

module.exports = { BatchBuffer };
