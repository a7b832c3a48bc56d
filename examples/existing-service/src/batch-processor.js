'use strict';
// Items that come one by one and are worked on together.

class BatchProcessor {
  constructor({ maxBatchSize = 10, maxWaitTime = 100, concurrency = 1 } = {}, process) {
    Object.assign(this, { maxBatchSize, maxWaitTime, concurrency, process });
    this.queue = [];
  }

  add(item) {
    return new Promise((resolve, reject) => {
      this.queue.push({ item, resolve, reject });
      this.run();
    });
  }

  /** What a subclass does with one item. */
  async processBatchItem() {
    throw new Error('processBatchItem is not implemented');
  }

  async run() {
    const batch = this.queue.splice(0, this.maxBatchSize);
    try {
      const items = batch.map(({ item }) => item);
      const results = await (this.process ? this.process(items) : Promise.all(items.map((item) => this.processBatchItem(item))));
      const failed = results?.find((result) => result instanceof Error);
      if (failed) throw failed;
      batch.forEach(({ resolve }, at) => resolve(results?.[at]));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

module.exports = { BatchProcessor };
