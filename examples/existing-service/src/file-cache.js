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
    return path.join(this.basePath, `${key.replace(/:/g, '/')}.json`);
  }

  async read(key) {
    let item;
    try {
      item = JSON.parse(await fs.readFile(this.file(key), 'utf8'));
    } catch {
      return null;
    }
    return Date.now() <= item.expiresAt ? item : null;
  }

  async get(key, type = 'json') {
    this.check();
    const item = await this.read(key);
    if (!item) return null;
    const bytes = Buffer.from(item.base64, 'base64');
    if (type === 'buffer') return bytes;
    if (type === 'text' || item.isBytes) return type === 'text' ? bytes.toString() : bytes;
    try {
      return JSON.parse(bytes);
    } catch {
      return bytes.toString();
    }
  }

  async set(key, value, ttl = this.ttl) {
    this.check();
    const expiresAt = Date.now() + ttl * 1000;
    const isBytes = Buffer.isBuffer(value);
    const bytes = isBytes ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    await fs.mkdir(path.dirname(this.file(key)), { recursive: true });
    await fs.writeFile(this.file(key), JSON.stringify({ key, base64: bytes.toString('base64'), isBytes, expiresAt }));
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
    return fs.access(this.file(key)).then(() => true, () => false);
  }

  async listKeys(prefix = '') {
    this.check();
    const keys = [];
    for (const name of await fs.readdir(this.basePath, { recursive: true })) {
      if (!name.endsWith('.json')) continue;
      const { key } = JSON.parse(await fs.readFile(path.join(this.basePath, name), 'utf8'));
      if (key.startsWith(prefix)) keys.push(key);
    }
    return keys;
  }

  async disconnect() {
    this.connected = false;
  }
}

module.exports = { FileCache };
