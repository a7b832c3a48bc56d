'use strict';
// Jobs for QStash, collected for a moment and then sent.
const { createHash } = require('node:crypto');

const number = (given, name, otherwise) => given ?? (Number(process.env[name]) || otherwise);
const DAY_SECONDS = 86_400;

class QstashQueue {
  constructor(options = {}) {
    this.options = options;
    this.batchSize = number(options.batchSize, 'QSTASH_BATCH_SIZE', 10);
    this.batchTimeout = number(options.batchTimeout, 'QSTASH_BATCH_TIMEOUT', 100);
    this.maxConcurrent = number(options.maxConcurrent, 'QSTASH_MAX_CONCURRENT', 50);
    this.maxBufferSize = options.maxBufferSize ?? 1000;
    this.limit = number(undefined, 'QUEUE_LOCAL_IDEMPOTENCY_LIMIT', 1000);
    this.redis = options.useIdempotency ?? process.env.QUEUE_USE_IDEMPOTENCY === 'true' ? options.redis : null;
    this.client = options.client ?? null;
    this.buffer = [];
    this.timer = null;
    this.known = new Set();
    this.letters = [];
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

  /** Whether the message has been here; it has from now on. */
  async isRepeat(id) {
    if (this.known.has(id)) return true;
    this.known.add(id);
    if (this.known.size > this.limit) this.known.delete(this.known.values().next().value);
    if (!this.redis) return false;
    const name = `queue:idempotency:${id}`;
    if ((await this.redis.get(name)) !== null) return true;
    await this.redis.set(name, '1', 'EX', DAY_SECONDS);
    return false;
  }

  /** Resolves with QStash's answer. */
  async publish(topic, message) {
    const id = `msg_${createHash('md5').update(`${topic}:${JSON.stringify(message)}`).digest('hex')}`;
    if (this.redis || this.known.has(id)) {
      if (await this.isRepeat(id)) return { messageId: id, duplicate: true };
    } else {
      this.isRepeat(id);
    }
    if (this.buffer.length >= this.maxBufferSize) this.buffer.splice(0, Math.ceil(this.maxBufferSize / 10));
    return new Promise((resolve, reject) => {
      this.buffer.push({ id, topic, message, resolve, reject });
      if (this.buffer.length >= this.batchSize) this.flush();
      else this.timer ??= setTimeout(() => this.flush(), this.batchTimeout);
    });
  }

  /** `[{ topic, message }]` together; settles as Promise.allSettled would. */
  async batchPublish(messages) {
    const published = messages.map(({ topic, message }) => this.publish(topic, message));
    await this.flush();
    return Promise.allSettled(published);
  }

  async send(task) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.client.publishJSON({ url: task.topic, body: task.message });
      } catch (error) {
        const status = Number(/\d{3}/.exec(error.message)?.[0]);
        if ((status >= 400 && status < 500) || attempt === 3) {
          this.bury(task, error);
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** (attempt - 1)));
      }
    }
  }

  bury({ topic, message }, error) {
    this.letters.push({ id: `dlq_${this.letters.length + 1}`, message: { topic, message }, error: error.message });
  }

  async flush() {
    clearTimeout(this.timer);
    this.timer = null;
    const batch = this.buffer.splice(0);
    if (batch.length === 0) return;
    await this.initialize();
    for (let at = 0; at < batch.length; at += this.maxConcurrent) {
      const tasks = batch.slice(at, at + this.maxConcurrent);
      try {
        const answers = await Promise.all(tasks.map((task) => this.send(task)));
        tasks.forEach(({ resolve }, of) => resolve(answers[of]));
      } catch (error) {
        for (const task of tasks) {
          this.bury(task, error);
          task.reject(error);
        }
      }
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

  getDeadLetterQueue() {
    return [...this.letters];
  }

  async close() {
    await this.flush();
  }
}

module.exports = { QstashQueue };
