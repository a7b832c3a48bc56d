'use strict';
// So many requests a window to an upstream; the number follows how the upstream does.

class RateLimiter {
  constructor(maxRequests, windowMs, { minRequests, maxRequests: ceiling, adaptive = false, adjustmentInterval = 60_000 } = {}) {
    this.maxRequests = maxRequests;
    this.windowMs = windowMs;
    this.minRequests = minRequests ?? Math.max(1, Math.floor(maxRequests / 2));
    this.maxRequestsLimit = ceiling ?? maxRequests * 2;
    this.adaptive = adaptive;
    this.adjustmentInterval = adjustmentInterval;
    this.tokens = maxRequests;
    this.lastRefill = Date.now();
    this.resetStats();
  }

  resetStats() {
    this.stats = { totalRequests: 0, throttledRequests: 0, averageLatency: 0, lastAdjustment: Date.now() };
    this.successCount = 0;
    this.failureCount = 0;
  }

  refill() {
    if (Date.now() - this.lastRefill < this.windowMs) return;
    this.tokens = this.maxRequests;
    this.lastRefill = Date.now();
  }

  async acquire() {
    this.refill();
    if (this.tokens <= 0) {
      this.stats.throttledRequests += 1;
      await new Promise((resolve) => setTimeout(resolve, this.lastRefill + this.windowMs - Date.now()));
      this.refill();
    }
    this.tokens = Math.max(0, this.tokens - 1);
    this.stats.totalRequests += 1;
    this.successCount += 1;
    return true;
  }

  async execute(work) {
    const start = Date.now();
    await this.acquire();
    try {
      const result = await work();
      this.stats.averageLatency = this.stats.averageLatency * 0.9 + (Date.now() - start) * 0.1;
      if (this.adaptive) this._adjustIfNeeded();
      return result;
    } catch (error) {
      this.failureCount += 1;
      throw error;
    }
  }

  _adjustIfNeeded() {
    const now = Date.now();
    const total = this.successCount + this.failureCount;
    if (now - this.stats.lastAdjustment < this.adjustmentInterval || total === 0) return;
    const rate = this.successCount / total;
    if (rate > 0.9 && this.stats.averageLatency < 100) {
      this.maxRequests = Math.min(this.maxRequests + 1, this.maxRequestsLimit);
    } else if (rate < 0.7 || this.stats.averageLatency > 500) {
      this.maxRequests = Math.max(this.maxRequests - 1, this.minRequests);
    }
    this.successCount = 0;
    this.failureCount = 0;
    this.stats.lastAdjustment = now;
  }

  updateConfig(maxRequests, windowMs) {
    this.maxRequests = maxRequests;
    this.windowMs = windowMs;
    this.tokens = maxRequests;
    this.lastRefill = Date.now();
  }

  getStatus() {
    return {
      maxRequests: this.maxRequests,
      currentTokens: this.tokens,
      windowMs: this.windowMs,
      stats: this.stats,
      isAdaptive: this.adaptive,
    };
  }
}

function createRateLimiter({ maxRequests = 10, windowMs = 60_000, ...options } = {}) {
  return new RateLimiter(maxRequests, windowMs, { ...options, maxRequests });
}

const number = (name, otherwise) => Number(process.env[name]) || otherwise;
const upstashRateLimiter = new RateLimiter(number('QSTASH_RATE_LIMIT', 5), number('QSTASH_RATE_WINDOW', 60_000), {
  adaptive: process.env.QSTASH_ADAPTIVE_RATE === 'true',
  minRequests: number('QSTASH_MIN_RATE', 3),
  maxRequests: number('QSTASH_MAX_RATE', 10),
});

module.exports = { RateLimiter, createRateLimiter, upstashRateLimiter };
