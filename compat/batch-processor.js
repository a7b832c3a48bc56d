'use strict';
// BatchProcessor: items are worked on in batches, and each has its own result.
const { BatchBuffer } = require('..');
const { isError } = require('../lib/errors');
const { integer, milliseconds, wrongType } = require('../lib/options');
const { isOptimized } = require('./environment');

const MANY = 2 ** 31 - 1;
const STATE = Symbol('state');
const count = integer(1, MANY);
const pause = milliseconds(0);

class BatchProcessor {
  /** `config`: maxBatchSize (10), maxWaitTime (100 ms), concurrency (1 batch); other fields are the owner's. */
  constructor(config = {}, process = undefined) {
    if (config === null || typeof config !== 'object') throw wrongType('config', 'an object', config);
    if (process !== undefined && process !== null && typeof process !== 'function') throw wrongType('process', 'a function', process);
    this.config = config;
    /** Does the work of a whole batch: one result or Error for each item, or nothing. Looked up at each batch. */
    this.process = process ?? undefined;
    const { maxBatchSize = isOptimized() ? 10 : 1, maxWaitTime = 100, concurrency = 1 } = config;
    // what an item comes to is told to its `add` as soon as it is known: to the buffer none fails, and none is tried again
    const buffer = new BatchBuffer((waiting) => work(this, waiting), {
      batchSize: count(maxBatchSize, 'maxBatchSize'),
      batchTimeout: pause(maxWaitTime, 'maxWaitTime'),
      concurrency: count(concurrency, 'concurrency'),
      // what is worked on counts too: a bound would keep batches from filling
      maxSize: MANY,
      retries: 0,
      handlerTimeoutMs: 0,
    });
    Object.defineProperty(this, STATE, { value: { buffer }, configurable: true });
  }

  /** Resolves with what the work makes of the item, or rejects with its error. */
  add(item) {
    return new Promise((resolve, reject) => {
      this[STATE].buffer.add({ item, resolve, reject }).catch(reject);
    });
  }

  /** The work of one item, where there is no `process`: a subclass has it. */
  async processBatchItem() {
    throw new Error('BatchProcessor needs a process function, or a subclass with processBatchItem(item)');
  }

  /** Starts what waits; resolves when all that was added before is done. */
  flush() {
    return this[STATE].buffer.flush();
  }
  /** The same, and takes nothing more. */
  async close() {
    await this[STATE].buffer.close();
  }
}

function work(processor, waiting) {
  return typeof processor.process === 'function' ? together(processor, waiting) : eachByItself(processor, waiting);
}
async function eachByItself(processor, waiting) {
  await Promise.all(waiting.map(async ({ item, resolve, reject }) => {
    try {
      resolve(await processor.processBatchItem(item));
    } catch (error) {
      reject(error);
    }
  }));
}
async function together(processor, waiting) {
  try {
    const results = await processor.process(waiting.map(({ item }) => item));
    if (results !== undefined && results !== null && (!Array.isArray(results) || results.length !== waiting.length)) {
      throw wrongType('what process returns', `an array with one result for each of the ${waiting.length} items, or nothing`, results);
    }
    waiting.forEach(({ resolve, reject }, at) => {
      const result = results?.[at];
      if (isError(result)) reject(result);
      else resolve(result);
    });
  } catch (error) {
    for (const { reject } of waiting) reject(error);
  }
}

module.exports = { BatchProcessor };
