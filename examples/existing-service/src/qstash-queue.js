'use strict';
// Jobs for QStash, collected for a moment and then sent.
const { createHash } = require('node:crypto');

const number = (given, name, otherwise) => given ?? (Number(process.env[name]) || otherwise);

class QstashQueue {
  constructor(options = {}) {
    this.options = options;
    this.batchSize = number(options.batchSize, 'QSTASH_BATCH_SIZE', 10);
    this.batchTimeout = number(options.batchTimeout, 'QSTASH_BATCH_TIMEOUT', 100);
    this.maxConcurrent = number(options.maxConcurrent, 'QSTASH_MAX_CONCURRENT', 50);
    this.wait = options.wait ?? false;
    this.client = options.client ?? null;
    this.buffer = [];
    this.timer = null;
    this.known = new Set();
    this.limit = number(undefined, 'QUEUE_LOCAL_IDEMPOTENCY_LIMIT', 1000);
    this.deadLetters = [];
    this.metrics = { published: 0, failed: 0, batches: 0 };
  }

  async initialize() {
    this.client ??= this.connect();
  }

  connect() {
    const url = this.options.url ?? process.env.QSTASH_URL;
    const token = this.options.token ?? process.env.QSTASH_TOKEN;
    return {
      async publishJSON({ url: destination, body }) {
        const response = await fetch(`${url}/v2/publish/${destination}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        if (!response.ok) throw new Error(`QStash answered ${response.status}`);
        return response.json();
      },
    };
  }

  async publish(topic, message, { wait = this.wait } = {}) {
    const id = `msg_${createHash('md5').update(`${topic}:${JSON.stringify(message)}`).digest('hex')}`;
    if (this.known.has(id)) return { messageId: id, duplicate: true };
    this.known.add(id);
    if (this.known.size > this.limit) this.known.delete(this.known.values().next().value);
    const task = { id, topic, message };
    const delivered = new Promise((resolve) => {
      task.resolve = resolve;
    });
    this.buffer.push(task);
    if (this.buffer.length >= this.batchSize) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), this.batchTimeout);
    return wait ? delivered : { id, queued: true };
  }

  async batchPublish(messages, options) {
    return Promise.all(messages.map(({ topic, message }) => this.publish(topic, message, options)));
  }

  async send(task) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await this.client.publishJSON({ url: task.topic, body: task.message });
        this.metrics.published += 1;
        return task.resolve(answer);
      } catch (error) {
        const status = Number(/\d{3}/.exec(error.message)?.[0]);
        if ((status >= 400 && status < 500) || attempt === 3) {
          this.metrics.failed += 1;
          this.deadLetters.push({ ...task, error: error.message });
          return task.resolve({ messageId: 'fallback-message-id', fallback: true, error: error.message });
        }
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** (attempt - 1)));
      }
    }
  }

  async flush() {
    clearTimeout(this.timer);
    this.timer = null;
    const batch = this.buffer.splice(0);
    if (batch.length === 0) return;
    this.metrics.batches += 1;
    await this.initialize();
    for (let at = 0; at < batch.length; at += this.maxConcurrent) {
      await Promise.all(batch.slice(at, at + this.maxConcurrent).map((task) => this.send(task)));
    }
  }

  getBufferStatus() {
    return { size: this.buffer.length, batchSize: this.batchSize, batchTimeout: this.batchTimeout, hasActiveTimer: this.timer !== null };
  }

  clearBuffer() {
    clearTimeout(this.timer);
    this.timer = null;
    return this.buffer.splice(0).length;
  }

  getMetrics() {
    return { ...this.metrics };
  }

  async close() {
    await this.flush();
  }
}

module.exports = { QstashQueue };
