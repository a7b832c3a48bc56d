'use strict';
// Limits that were used and are idle keep no process; one that somebody waits for does, until it is served.
const { spawnSync } = require('node:child_process');
const path = require('node:path');

const run = (source) => {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', source], { cwd: path.join(__dirname, '../..'), encoding: 'utf8', timeout: 240_000 });
  return { status, stdout: stdout.trim(), stderr, ms: performance.now() - began };
};

test('idle', () => {
  const ended = run(`
    const { RateLimiter, RequestLimiter, SlidingWindowLimiter, upstashRateLimiter } = require('./compat');
    (async () => {
      const limiter = new RateLimiter(1, 3_600_000, { adaptive: true });
      await limiter.execute(() => 1);
      await upstashRateLimiter.acquire();
      await new SlidingWindowLimiter({ windowMs: 3_600_000 }).checkLimit('a');
      new RequestLimiter({ windowMs: 3_600_000 }).checkLimit({ headers: {}, socket: {} });
      process.on('exit', () => console.log('by itself', limiter.tokens));
    })();`);
  expect(ended).toMatchObject({ status: 0, stdout: 'by itself 0', stderr: '' });
});

test('waited for', () => {
  const ended = run(`
    const { RateLimiter } = require('./compat');
    (async () => {
      const limiter = new RateLimiter(1, 300);
      await limiter.acquire();
      await limiter.acquire();
      console.log('served');
    })();`);
  expect(ended).toMatchObject({ status: 0, stdout: 'served', stderr: '' });
  expect(ended.ms).toBeGreaterThan(300);
});
