'use strict';
// Tasks that wait here while the queue in the cloud is away; now and then they are written to a file.
const fs = require('node:fs/promises');
const path = require('node:path');

class LocalBufferQueue {
  constructor({ persistencePath, maxSize = 1000, maxRetries = 3, flushInterval = 5000 } = {}) {
    Object.assign(this, { persistencePath, maxSize, maxRetries, flushInterval });
    this.buffer = [];
    this.count = 0;
    this.timer = null;
    this.metrics = { totalEnqueued: 0, totalFlushed: 0 };
  }

  async init() {
    await fs.mkdir(path.dirname(this.persistencePath), { recursive: true });
    try {
      const saved = JSON.parse(await fs.readFile(this.persistencePath, 'utf8'));
      this.buffer = Array.isArray(saved) ? saved : saved.buffer;
    } catch {
      this.buffer = [];
    }
    this.timer = setInterval(() => this.flush(), this.flushInterval);
  }

  async enqueue(data) {
    if (this.buffer.length >= this.maxSize) await this.flush();
    this.buffer.push({ id: `${Date.now()}-${(this.count += 1)}`, data, timestamp: Date.now(), retryCount: 0 });
    this.metrics.totalEnqueued += 1;
    return true;
  }

  async enqueueBatch(items) {
    for (const item of items) await this.enqueue(item);
    return true;
  }

  async flush() {
    await fs.writeFile(this.persistencePath, JSON.stringify(this.buffer));
    return true;
  }

  /** What is to be worked on; what fails is given back with `retryFailed` before the next call. */
  async dequeueBatch() {
    const batch = this.buffer.filter((message) => !message.isTaken);
    for (const message of batch) message.isTaken = true;
    this.buffer = batch;
    this.metrics.totalFlushed += batch.length;
    await fs.writeFile(this.persistencePath, '[]');
    return batch.map(({ isTaken, ...message }) => message);
  }

  getStatus() {
    return { bufferSize: this.buffer.filter(({ isTaken }) => !isTaken).length, metrics: { ...this.metrics } };
  }

  async retryFailed(id) {
    const message = this.buffer.find((one) => one.id === id);
    if (!message) return false;
    message.retryCount += 1;
    message.timestamp = Date.now();
    if (message.isTaken) {
      message.isTaken = false;
      this.buffer = [...this.buffer.filter((one) => one !== message), message];
    }
    return true;
  }

  getExceededRetryMessages(threshold = this.maxRetries) {
    return this.buffer.filter(({ isTaken, retryCount }) => !isTaken && retryCount > threshold);
  }

  removeMessage(id) {
    const at = this.buffer.findIndex((message) => message.id === id);
    if (at >= 0) this.buffer.splice(at, 1);
    return at >= 0;
  }

  async close() {
    clearInterval(this.timer);
    this.buffer = this.buffer.filter(({ isTaken }) => !isTaken);
    await this.flush();
  }
}

module.exports = { LocalBufferQueue };
