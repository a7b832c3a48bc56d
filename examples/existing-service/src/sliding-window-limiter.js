'use strict';
// So many requests of a key in the last `windowMs`: the times of those that came are kept.

class SlidingWindowLimiter {
  constructor({ windowMs = 60_000, maxRequests = 100, keyPrefix = '' } = {}) {
    this.windowMs = windowMs;
    this.maxRequests = maxRequests;
    this.keyPrefix = keyPrefix;
    this.requests = new Map();
  }

  recent(key) {
    const since = Date.now() - this.windowMs;
    return (this.requests.get(this.keyPrefix + key) ?? []).filter((at) => at > since);
  }

  async checkLimit(key) {
    const times = this.recent(key);
    const allowed = times.length < this.maxRequests;
    times.push(Date.now());
    this.requests.set(this.keyPrefix + key, times);
    return allowed;
  }

  /** Milliseconds until the key has room. */
  getRetryAfter(key) {
    const times = this.recent(key);
    return times.length < this.maxRequests ? 0 : times.at(-1) + this.windowMs - Date.now();
  }
}

module.exports = { SlidingWindowLimiter };
