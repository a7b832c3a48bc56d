'use strict';
// Items that come one by one and are worked on together.

class BatchProcessor {
  constructor({ maxBatchSize = 10, maxWaitTime = 100, concurrency = 1 } = {}, process) {
    Object.assign(this, { maxBatchSize, maxWaitTime, concurrency, process });
    this.queue = [];
    this.active = 0;
    this.timer = null;
  }

  add(item) {
    return new Promise((resolve, reject) => {
      this.queue.push({ item, resolve, reject });
      if (this.queue.length >= this.maxBatchSize) this.run();
      else this.timer ??= setTimeout(() => this.run(), this.maxWaitTime);
    });
  }

  /** What a subclass does with one item. */
  async processBatchItem() {
    throw new Error('processBatchItem is not implemented');
  }

  async run() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.active >= this.concurrency || this.queue.length === 0) return;
    const batch = this.queue.splice(0, this.maxBatchSize);
    this.active += 1;
    try {
      if (this.process) {
        const results = await this.process(batch.map(({ item }) => item));
        batch.forEach(({ resolve }, at) => resolve(results?.[at]));
      } else {
        await Promise.all(batch.map(({ item, resolve, reject }) => this.processBatchItem(item).then(resolve, reject)));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.active -= 1;
    if (this.queue.length >= this.maxBatchSize) this.run();
    else if (this.queue.length > 0) this.timer ??= setTimeout(() => this.run(), this.maxWaitTime);
  }
}

module.exports = { BatchProcessor };
