'use strict';
// The third tier: a file per key, which survives deploys.
const fs = require('node:fs/promises');
const path = require('node:path');

class FileCache {
  constructor({ basePath, ttl = 86_400 } = {}) {
    this.basePath = basePath;
    this.ttl = ttl;
    this.connected = false;
  }

  async connect() {
    await fs.mkdir(this.basePath, { recursive: true });
    this.connected = true;
  }

  check() {
    if (!this.connected) throw new Error('Not connected');
  }

  file(key) {
    return path.join(this.basePath, `${key.replace(/[^\w.-]/g, '_')}.json`);
  }

  async read(key) {
    let item;
    try {
      item = JSON.parse(await fs.readFile(this.file(key), 'utf8'));
    } catch {
      return null;
    }
    if (Date.now() <= item.expiresAt) return item;
    await fs.rm(this.file(key), { force: true });
    return null;
  }

  async get(key, type = 'json') {
    this.check();
    const item = await this.read(key);
    if (!item) return null;
    const bytes = item.base64 === undefined ? null : Buffer.from(item.base64, 'base64');
    if (type === 'buffer') return bytes ?? Buffer.from(typeof item.value === 'string' ? item.value : JSON.stringify(item.value));
    if (type === 'text') return bytes?.toString() ?? (typeof item.value === 'string' ? item.value : JSON.stringify(item.value));
    return bytes ?? item.value;
  }

  async set(key, value, ttl = this.ttl) {
    this.check();
    const expiresAt = Date.now() + ttl * 1000;
    const item = Buffer.isBuffer(value) ? { key, base64: value.toString('base64'), expiresAt } : { key, value, expiresAt };
    await fs.writeFile(this.file(key), JSON.stringify(item));
    return true;
  }

  async delete(key) {
    this.check();
    try {
      await fs.unlink(this.file(key));
      return true;
    } catch {
      return false;
    }
  }

  async exists(key) {
    this.check();
    return (await this.read(key)) !== null;
  }

  async listKeys(prefix = '') {
    this.check();
    const keys = [];
    for (const name of await fs.readdir(this.basePath)) {
      const item = JSON.parse(await fs.readFile(path.join(this.basePath, name), 'utf8'));
      if (item.key.startsWith(prefix) && Date.now() <= item.expiresAt) keys.push(item.key);
    }
    return keys;
  }

  async disconnect() {
    this.connected = false;
  }
}

module.exports = { FileCache };
