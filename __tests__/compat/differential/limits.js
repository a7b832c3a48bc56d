'use strict';
// RateLimiter, SlidingWindowLimiter and RequestLimiter.
const { always, attempt, below, list, never, outcome, pass, pick, range, turns } = require('./world');

const WINDOW = 10_000;
const adaptive = { minRequests: 3, maxRequests: 10, adaptive: true, adjustmentInterval: WINDOW };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** How many of so many acquires have settled. */
function acquires(limiter, count, world) {
  const settled = { count: 0 };
  for (let at = 0; at < count; at += 1) world.call(limiter.acquire()).then(() => (settled.count += 1));
  return settled;
}

const rates = [
  {
    plan: (random) => list(12, () => ({ successes: range(random, 0, 10), failures: range(random, 0, 4), latency: pick(random, [0, 50, 99, 100, 300, 500, 501]) })),
    shows: never,
    async run({ RateLimiter }, plan, world) {
      const limiter = new RateLimiter(5, WINDOW, adaptive);
      const seen = [];
      for (const { successes, failures, latency } of plan) {
        limiter.successCount = successes;
        limiter.failureCount = failures;
        limiter.stats.averageLatency = latency;
        await pass(WINDOW);
        world.call(limiter._adjustIfNeeded());
        seen.push(limiter.maxRequests, limiter.successCount, limiter.failureCount);
      }
      return seen;
    },
  },
  {
    plan: (random) => ({ limit: range(random, 1, 8), window: range(random, 100, 5000), used: range(random, 0, 8), fails: random() < 0.3, next: range(random, 1, 9) }),
    shows: never,
    async run({ RateLimiter }, { limit, window, used, fails, next }, world) {
      const limiter = new RateLimiter(limit, window);
      const error = new Error('theirs');
      const seen = [world.call(limiter.getStatus()).currentTokens];
      for (let at = 0; at < Math.min(used, limit); at += 1) {
        seen.push(await outcome(world.call(limiter.execute(fails ? () => Promise.reject(error) : async () => at))));
      }
      const { maxRequests, currentTokens, windowMs, stats, isAdaptive } = world.call(limiter.getStatus());
      seen.push(maxRequests, currentTokens, windowMs, isAdaptive, stats.totalRequests, stats.throttledRequests, stats.lastAdjustment);
      world.call(limiter.updateConfig(next, window));
      world.call(limiter.resetStats());
      const after = world.call(limiter.getStatus());
      return [...seen, after.maxRequests, after.currentTokens, after.stats];
    },
  },
  {
    defect: 'Falls to its minimum on a healthy backend',
    plan: (random) => ({ callers: range(random, 8, 12), latency: range(random, 5, 40), windows: 12 }),
    shows: always,
    async run({ RateLimiter }, { callers, latency, windows }, world) {
      const limiter = new RateLimiter(5, WINDOW, adaptive);
      let running = true;
      const caller = async () => {
        while (running) await world.call(limiter.execute(() => sleep(latency)));
      };
      for (let at = 0; at < callers; at += 1) caller();
      await pass(windows * WINDOW);
      running = false;
      const fell = limiter.maxRequests < 5;
      await pass(2 * WINDOW);
      return fell;
    },
  },
  {
    defect: 'Never lowers in a total outage',
    plan: (random) => ({ windows: range(random, 3, 6), latency: range(random, 1, 50) }),
    shows: always,
    async run({ RateLimiter }, { windows, latency }, world) {
      const limiter = new RateLimiter(5, WINDOW, adaptive);
      for (let at = 0; at < windows; at += 1) {
        await pass(WINDOW);
        const failing = () => sleep(latency).then(() => Promise.reject(new Error('down')));
        for (let of = 0; of < 3; of += 1) outcome(world.call(limiter.execute(failing)));
        await pass(1000);
      }
      return limiter.maxRequests < 5;
    },
  },
  {
    defect: 'Failures are not counted',
    plan: (random) => ({ status: pick(random, [200, 204, 404, 429, 500, 503]) }),
    shows: ({ status }) => status === 429 || status >= 500,
    async run({ RateLimiter }, { status }, world) {
      const limiter = new RateLimiter(5, WINDOW, { ...adaptive, adaptive: false });
      await world.call(limiter.execute(async () => ({ status })));
      return [limiter.successCount, limiter.failureCount];
    },
  },
  {
    defect: 'An average that starts at zero',
    plan: (random) => ({ latency: pick(random, [0, 0, 100, 600]) }),
    shows: ({ latency }) => latency > 0,
    async run({ RateLimiter }, { latency }, world) {
      const limiter = new RateLimiter(5, WINDOW, adaptive);
      const work = world.call(limiter.execute(() => (latency ? sleep(latency) : undefined)));
      await pass(latency);
      await work;
      return limiter.stats.averageLatency;
    },
  },
  {
    defect: 'Twice the limit at the edge of a window',
    plan: (random) => ({ limit: range(random, 2, 6), at: pick(random, [0, 0, WINDOW - 1]) }),
    shows: ({ at }) => at > 0,
    async run({ RateLimiter }, { limit, at }, world) {
      const limiter = new RateLimiter(limit, WINDOW);
      await pass(at);
      acquires(limiter, limit, world);
      await pass(WINDOW - at + 1);
      const again = acquires(limiter, limit, world);
      await turns(2);
      const now = again.count;
      await pass(3 * WINDOW);
      return now;
    },
  },
  {
    defect: 'Those who wait get more permits than there are',
    plan: (random) => ({ limit: range(random, 1, 5), waiting: range(random, 1, 8) }),
    shows: ({ limit, waiting }) => waiting > limit,
    async run({ RateLimiter }, { limit, waiting }, world) {
      const limiter = new RateLimiter(limit, WINDOW);
      acquires(limiter, limit, world);
      const waiters = acquires(limiter, waiting, world);
      await pass(WINDOW + 1);
      const woken = waiters.count;
      await pass(10 * WINDOW);
      return woken;
    },
  },
  {
    defect: 'An idle limiter grows to its maximum',
    plan: (random) => ({ intervals: range(random, 1, 6) }),
    shows: always,
    async run({ RateLimiter }, { intervals }, world) {
      const limiter = new RateLimiter(5, 100, adaptive);
      for (let at = 0; at < intervals; at += 1) {
        await pass(WINDOW);
        await world.call(limiter.execute(async () => 1));
      }
      return limiter.maxRequests;
    },
  },
  {
    defect: 'A clock that is set back stops adjusting',
    plan: (random) => ({ back: pick(random, [0, 60_000, 3_600_000]) }),
    shows: ({ back }) => back > 0,
    async run({ RateLimiter }, { back }, world) {
      const limiter = new RateLimiter(2, WINDOW);
      acquires(limiter, 2, world);
      await pass(100);
      jest.setSystemTime(Date.now() - back);
      const next = acquires(limiter, 1, world);
      await pass(WINDOW + 1);
      const woken = next.count;
      await pass(2 * 3_600_000);
      return woken;
    },
  },
];

const sliding = [
  {
    plan: (random) => ({ keys: list(range(random, 1, 5), (at) => `k${at}`), max: range(random, 2, 6), checks: list(30, () => ({ key: below(random, 5), ms: pick(random, [0, 0, 100, 3000]) })) }),
    shows: never,
    async run({ SlidingWindowLimiter }, { keys, max, checks }, world) {
      const limiter = new SlidingWindowLimiter({ windowMs: WINDOW, maxRequests: max, keyPrefix: 'p:' });
      const seen = [];
      const used = new Map();
      for (const { key: at, ms } of checks) {
        const key = keys[at % keys.length];
        await pass(ms);
        // a key that is denied is left alone from then on
        if (used.get(key) === 'denied') continue;
        const allowed = await world.call(limiter.checkLimit(key));
        if (!allowed) used.set(key, 'denied');
        seen.push(allowed, allowed && world.call(limiter.getRetryAfter('nobody')));
      }
      return seen;
    },
  },
  {
    defect: 'A denied request counts',
    plan: (random) => ({ max: range(random, 1, 4), denied: range(random, 0, 6) }),
    shows: ({ max, denied }) => denied >= max,
    async run({ SlidingWindowLimiter }, { max, denied }, world) {
      const limiter = new SlidingWindowLimiter({ windowMs: WINDOW, maxRequests: max });
      for (let at = 0; at < max; at += 1) await world.call(limiter.checkLimit('k'));
      await pass(5000);
      for (let at = 0; at < denied; at += 1) await world.call(limiter.checkLimit('k'));
      await pass(5001);
      return world.call(limiter.checkLimit('k'));
    },
  },
  {
    defect: 'A clock that steps back locks out',
    plan: (random) => ({ back: pick(random, [0, 60_000, 3_600_000]) }),
    shows: ({ back }) => back > 0,
    async run({ SlidingWindowLimiter }, { back }, world) {
      const limiter = new SlidingWindowLimiter({ windowMs: WINDOW, maxRequests: 2 });
      for (let at = 0; at < 2; at += 1) await world.call(limiter.checkLimit('k'));
      jest.setSystemTime(Date.now() - back);
      await world.call(limiter.getRetryAfter('k'));
      await pass(WINDOW + 1);
      return world.call(limiter.checkLimit('k'));
    },
  },
  {
    defect: 'Keys that never leave',
    once: true,
    plan: () => ({ count: 3000 }),
    shows: always,
    async run({ SlidingWindowLimiter }, { count }, world) {
      const limiter = new SlidingWindowLimiter({ windowMs: 100, maxRequests: 2, maxKeys: 500 });
      for (let at = 0; at < count; at += 1) await limiter.checkLimit(`k${at}`);
      await pass(1000);
      await world.call(limiter.checkLimit('k'));
      // the original's own table; the drop-in's engine
      const held = limiter.requests ?? limiter[Object.getOwnPropertySymbols(limiter)[0]].engine;
      return held.size > 500;
    },
  },
  {
    defect: 'Retry-After is rounded, or of the newest request',
    plan: (random) => ({ gaps: list(3, () => pick(random, [0, 0, 500, 1234])) }),
    shows: ({ gaps }) => gaps[0] + gaps[1] > 0,
    async run({ SlidingWindowLimiter }, { gaps }, world) {
      const limiter = new SlidingWindowLimiter({ windowMs: WINDOW, maxRequests: 3 });
      for (const gap of gaps) {
        await world.call(limiter.checkLimit('k'));
        await pass(gap);
      }
      return world.call(limiter.getRetryAfter('k'));
    },
  },
];

const from = (address, forwarded) => ({ headers: forwarded ? { 'x-forwarded-for': forwarded } : {}, socket: { remoteAddress: address } });
const response = () => ({ headers: {}, setHeader(name, value) { this.headers[name.toLowerCase()] = String(value); }, end() { this.ended = true; } });

const requests = [
  {
    plan: (random) => ({ limit: range(random, 1, 6), checks: list(30, () => ({ client: below(random, 4), ms: pick(random, [0, 100, 1000, 2000]) })) }),
    shows: never,
    async run({ RequestLimiter }, { limit, checks }, world) {
      const limiter = new RequestLimiter({ limit, windowMs: 60_000, burst: 10 });
      const seen = [];
      const denied = new Set();
      for (const { client, ms } of checks) {
        await pass(ms);
        if (denied.has(client)) continue;
        const { allowed, remaining, limit: told, message } = world.call(limiter.checkLimit(from(`10.0.0.${client}`)));
        if (!allowed) denied.add(client);
        seen.push({ allowed, remaining, told, message: typeof message });
      }
      const { totalRequests, allowed, denied: refused } = world.call(limiter.getStats());
      return [...seen, totalRequests, allowed, refused];
    },
  },
  {
    defect: 'Anyone\'s x-forwarded-for is believed',
    plan: (random) => ({ forwarded: [pick(random, [undefined, '1.1.1.1']), pick(random, [undefined, '2.2.2.2'])] }),
    shows: ({ forwarded: [first, second] }) => first !== second,
    run({ RequestLimiter }, { forwarded }, world) {
      const limiter = new RequestLimiter({ limit: 1 });
      return forwarded.map((address) => world.call(limiter.checkLimit(from('10.0.0.1', address))).allowed);
    },
  },
  {
    defect: 'Headers that come too late',
    plan: (random) => ({ waits: random() < 0.4 }),
    shows: ({ waits }) => !waits,
    async run({ RequestLimiter }, { waits }, world) {
      const limiter = new RequestLimiter({ limit: 3 });
      const res = response();
      const handled = world.call(limiter.handleRequest(from('::1'), res, () => {}));
      if (waits) await handled;
      return [res.headers['x-ratelimit-limit'], res.headers['x-ratelimit-remaining']];
    },
  },
  {
    defect: 'A denied request counts',
    plan: (random) => ({ limit: range(random, 1, 3), denied: range(random, 0, 5) }),
    shows: ({ limit, denied }) => denied >= limit,
    async run({ RequestLimiter }, { limit, denied }, world) {
      const limiter = new RequestLimiter({ limit, windowMs: WINDOW, burst: 100 });
      for (let at = 0; at < limit; at += 1) world.call(limiter.checkLimit(from('::1')));
      await pass(5000);
      for (let at = 0; at < denied; at += 1) world.call(limiter.checkLimit(from('::1')));
      await pass(5001);
      return world.call(limiter.checkLimit(from('::1'))).allowed;
    },
  },
  {
    defect: 'Clients that never leave, and their addresses in memory',
    plan: () => ({}),
    shows: always,
    run({ RequestLimiter }, plan, world) {
      const limiter = new RequestLimiter();
      world.call(limiter.checkLimit(from('10.1.2.3')));
      return [...(limiter.clients?.keys() ?? [])].includes('10.1.2.3');
    },
  },
  {
    defect: 'A wait that ends too early',
    plan: (random) => ({ ms: pick(random, [0, 1000, 2500, 4999]) }),
    shows: ({ ms }) => ms % 1000 !== 0,
    async run({ RequestLimiter }, { ms }, world) {
      const limiter = new RequestLimiter({ limit: 1, windowMs: WINDOW });
      world.call(limiter.checkLimit(from('::1')));
      await pass(ms);
      return (await attempt(() => world.call(limiter.checkLimit(from('::1'))))).value.retryAfter;
    },
  },
];

const named = (name, scenarios) => scenarios.map((scenario) => ({ name, ...scenario }));
module.exports = [...named('RateLimiter', rates), ...named('SlidingWindowLimiter', sliding), ...named('RequestLimiter', requests)];
