'use strict';
// A client's requests: so many a window, and a burst a second.

class RequestLimiter {
  constructor({ limit = 100, windowMs = 60_000, burst = 20, keyGenerator, rules = {} } = {}) {
    Object.assign(this, { limit, windowMs, burst, rules });
    this.keyGenerator = keyGenerator ?? ((req) => String(req.headers?.['x-forwarded-for'] ?? req.socket?.remoteAddress ?? 'unknown'));
    this.clients = new Map();
    this.stats = { totalRequests: 0, allowed: 0, denied: 0 };
  }

  checkLimit(req) {
    const key = this.keyGenerator(req);
    const now = Date.now();
    const { limit = this.limit, windowMs = this.windowMs, burst = this.burst } = this.rules[key] ?? {};
    const times = (this.clients.get(key) ?? []).filter((at) => at > now - windowMs);
    this.clients.set(key, times);
    this.stats.totalRequests += 1;
    const lastSecond = times.filter((at) => at > now - 1000);
    const full = times.length >= limit;
    const isFast = lastSecond.length >= burst;
    times.push(now);
    if (full || isFast) {
      this.stats.denied += 1;
      const free = isFast ? lastSecond[0] + 1000 : times[0] + windowMs;
      return {
        allowed: false,
        remaining: 0,
        retryAfter: Math.floor((free - now) / 1000),
        limit,
        message: full ? 'Too many requests' : 'Too many requests in a second',
      };
    }
    this.stats.allowed += 1;
    return { allowed: true, remaining: limit - times.length, retryAfter: 0, limit };
  }

  async handleRequest(req, res, next) {
    const result = await this.checkLimit(req);
    res.setHeader('X-RateLimit-Limit', result.limit);
    res.setHeader('X-RateLimit-Remaining', result.remaining);
    if (result.allowed) return next?.();
    res.setHeader('Retry-After', result.retryAfter);
    res.statusCode = 429;
    res.end(JSON.stringify({ error: result.message }));
  }

  getStats() {
    return { ...this.stats, activeClients: this.clients.size };
  }

  resetClient(key) {
    return this.clients.delete(key);
  }

  updateConfig(config) {
    Object.assign(this, config);
  }
}

module.exports = { RequestLimiter };
