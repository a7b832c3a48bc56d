'use strict';
// Tasks that wait here while the queue in the cloud is away; written to a file by flush() and close().
const fs = require('node:fs/promises');
const path = require('node:path');

class LocalBufferQueue {
  constructor({ persistencePath, maxSize = 1000, maxRetries = 3 } = {}) {
    Object.assign(this, { persistencePath, maxSize, maxRetries });
    this.buffer = [];
    this.count = 0;
    this.stats = { totalAdded: 0, totalProcessed: 0, totalPersisted: 0 };
  }

  async init() {
    await fs.mkdir(path.dirname(this.persistencePath), { recursive: true });
    try {
      const saved = JSON.parse(await fs.readFile(this.persistencePath, 'utf8'));
      this.buffer = Array.isArray(saved) ? saved : saved.buffer;
    } catch {
      this.buffer = [];
    }
  }

  async enqueue(data) {
    if (this.buffer.length >= this.maxSize) throw new Error('Buffer is full');
    const message = { id: `${Date.now()}-${(this.count += 1)}`, data, timestamp: Date.now(), retryCount: 0 };
    this.buffer.push(message);
    this.stats.totalAdded += 1;
    return message.id;
  }

  async enqueueBatch(items) {
    const ids = [];
    for (const item of items) ids.push(await this.enqueue(item));
    return ids;
  }

  async flush() {
    await fs.writeFile(this.persistencePath, JSON.stringify({ buffer: this.buffer, stats: this.stats, timestamp: Date.now() }));
    this.stats.totalPersisted += this.buffer.length;
    return true;
  }

  async dequeueBatch(size = this.buffer.length) {
    const batch = this.buffer.splice(0, size);
    this.stats.totalProcessed += batch.length;
    return batch;
  }

  getStatus() {
    return { size: this.buffer.length, maxSize: this.maxSize, stats: { ...this.stats } };
  }

  async retryFailed(message) {
    message.retryCount += 1;
    this.buffer.push(message);
    return true;
  }

  getExceededRetryMessages() {
    return this.buffer.filter(({ retryCount }) => retryCount > this.maxRetries);
  }

  removeMessage(id) {
    const at = this.buffer.findIndex((message) => message.id === id);
    if (at >= 0) this.buffer.splice(at, 1);
    return at >= 0;
  }

  async close() {
    await this.flush();
  }
}

module.exports = { LocalBufferQueue };
