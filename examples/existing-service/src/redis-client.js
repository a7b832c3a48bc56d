'use strict';
// Redis for the dashboard's caches: an outage is a miss, never an error.

class RedisClient {
  constructor(options = {}) {
    this.options = options;
    this.client = typeof options.get === 'function' ? options : (options.client ?? null);
    this.injected = this.client !== null;
  }

  getClient() {
    if (!this.client) {
      const Redis = require('ioredis');
      const { host, port, password, db } = this.options;
      this.client = new Redis({
        host: host ?? process.env.REDIS_HOST ?? '127.0.0.1',
        port: Number(port ?? process.env.REDIS_PORT ?? 6379),
        password: password ?? process.env.REDIS_PASSWORD,
        db: Number(db ?? process.env.REDIS_DB ?? 0),
        maxRetriesPerRequest: 1,
      });
      this.client.on('error', () => {});
    }
    return this.client;
  }

  isConnected() {
    return this.getClient().status === 'ready' || this.injected;
  }

  async attempt(work, otherwise) {
    try {
      return await work(this.getClient());
    } catch {
      return otherwise;
    }
  }

  get(key) {
    return this.attempt(async (client) => {
      const text = await client.get(key);
      return text === null ? null : JSON.parse(text);
    }, null);
  }

  set(key, value, ttl) {
    return this.attempt(async (client) => {
      const text = JSON.stringify(value);
      return (ttl ? await client.set(key, text, 'EX', ttl) : await client.set(key, text)) === 'OK';
    }, false);
  }

  delete(key) {
    return this.attempt(async (client) => (await client.del(key)) > 0, false);
  }

  getTTL(key) {
    return this.attempt((client) => client.ttl(key), -2);
  }

  /** How many keys matched. */
  deletePattern(pattern) {
    return this.attempt(async (client) => {
      const keys = await client.keys(pattern);
      return keys.length ? client.del(...keys) : 0;
    }, 0);
  }

  async disconnect() {
    if (this.client && !this.injected) this.client.disconnect();
    this.client = this.injected ? this.client : null;
  }
}

module.exports = { RedisClient };
