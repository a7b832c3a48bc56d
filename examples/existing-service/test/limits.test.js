'use strict';
const { RequestLimiter, SlidingWindowLimiter } = require('../src/classes');

let now;
beforeEach(() => {
  now = 1_700_000_000_000;
  jest.spyOn(Date, 'now').mockImplementation(() => now);
});
afterEach(() => jest.restoreAllMocks());

describe('SlidingWindowLimiter', () => {
  let limiter;
  beforeEach(() => {
    limiter = new SlidingWindowLimiter({ windowMs: 10_000, maxRequests: 3, keyPrefix: 'uploads:' });
  });

  test('so many are allowed, and no more', async () => {
    for (let at = 0; at < 3; at += 1) await expect(limiter.checkLimit('a')).resolves.toBe(true);
    await expect(limiter.checkLimit('a')).resolves.toBe(false);
  });

  test('keys do not know each other', async () => {
    for (let at = 0; at < 4; at += 1) await limiter.checkLimit('a');
    await expect(limiter.checkLimit('b')).resolves.toBe(true);
  });

  test('the window slides: what is older than it does not count', async () => {
    await limiter.checkLimit('a');
    now += 4000;
    await limiter.checkLimit('a');
    await limiter.checkLimit('a');
    now += 6000;
    await expect(limiter.checkLimit('a')).resolves.toBe(true);
    await expect(limiter.checkLimit('a')).resolves.toBe(false);
  });

  test('getRetryAfter is in milliseconds, and nothing when there is room', async () => {
    expect(limiter.getRetryAfter('a')).toBe(0);
    for (let at = 0; at < 3; at += 1) await limiter.checkLimit('a');
    expect(limiter.getRetryAfter('a')).toBe(10_000);
    now += 2500;
    expect(limiter.getRetryAfter('a')).toBe(7500);
    now += 7500;
    expect(limiter.getRetryAfter('a')).toBe(0);
  });
});

describe('RequestLimiter', () => {
  const from = (address, headers = {}) => ({ headers, socket: { remoteAddress: address } });
  const response = () => ({ headers: {}, setHeader(name, value) { this.headers[name.toLowerCase()] = String(value); }, end: jest.fn() });

  test('tells what is left', () => {
    const limiter = new RequestLimiter({ limit: 3 });
    expect(limiter.checkLimit(from('::1'))).toMatchObject({ allowed: true, remaining: 2, limit: 3 });
    expect(limiter.checkLimit(from('::1'))).toMatchObject({ allowed: true, remaining: 1, limit: 3 });
    expect(limiter.checkLimit(from('::1'))).toMatchObject({ allowed: true, remaining: 0, limit: 3 });
  });

  test('denies at the limit, with the seconds to wait and a word', () => {
    const limiter = new RequestLimiter({ limit: 1, windowMs: 60_000 });
    limiter.checkLimit(from('::1'));
    now += 20_000;
    expect(limiter.checkLimit(from('::1'))).toMatchObject({ allowed: false, remaining: 0, retryAfter: 40, limit: 1, message: expect.any(String) });
    now += 60_000;
    expect(limiter.checkLimit(from('::1')).allowed).toBe(true);
  });

  test('a hundred a minute and twenty a second when nothing is said', () => {
    const limiter = new RequestLimiter();
    for (let second = 0; second < 5; second += 1) {
      for (let at = 0; at < 20; at += 1) expect(limiter.checkLimit(from('::1')).allowed).toBe(true);
      now += 1000;
    }
    expect(limiter.checkLimit(from('::1')).allowed).toBe(false);
    for (let at = 0; at < 20; at += 1) limiter.checkLimit(from('::2'));
    expect(limiter.checkLimit(from('::2')).allowed).toBe(false);
  });

  test('clients do not know each other', () => {
    const limiter = new RequestLimiter({ limit: 1 });
    limiter.checkLimit(from('10.0.0.1'));
    expect(limiter.checkLimit(from('10.0.0.1')).allowed).toBe(false);
    expect(limiter.checkLimit(from('10.0.0.2')).allowed).toBe(true);
  });

  test('the key is what the service says', () => {
    const limiter = new RequestLimiter({ limit: 1, keyGenerator: (req) => req.headers['x-api-key'] });
    limiter.checkLimit(from('10.0.0.1', { 'x-api-key': 'one' }));
    expect(limiter.checkLimit(from('10.0.0.2', { 'x-api-key': 'one' })).allowed).toBe(false);
    expect(limiter.checkLimit(from('10.0.0.1', { 'x-api-key': 'two' })).allowed).toBe(true);
  });

  test('handleRequest sets its headers, and goes on', async () => {
    const limiter = new RequestLimiter({ limit: 5 });
    const res = response();
    const next = jest.fn();
    await limiter.handleRequest(from('::1'), res, next);
    expect(res.headers).toMatchObject({ 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '4' });
    expect(next).toHaveBeenCalledTimes(1);
    expect(res.end).not.toHaveBeenCalled();
  });

  test('handleRequest answers 429 itself', async () => {
    const limiter = new RequestLimiter({ limit: 1, windowMs: 30_000 });
    await limiter.handleRequest(from('::1'), response(), () => {});
    const res = response();
    const next = jest.fn();
    await limiter.handleRequest(from('::1'), res, next);
    expect(res.statusCode).toBe(429);
    expect(res.headers['retry-after']).toBe('30');
    expect(res.end).toHaveBeenCalledTimes(1);
    expect(next).not.toHaveBeenCalled();
  });

  test('updateConfig counts from the next request on', () => {
    const limiter = new RequestLimiter({ limit: 1 });
    limiter.checkLimit(from('::1'));
    limiter.updateConfig({ limit: 3 });
    expect(limiter.checkLimit(from('::1'))).toMatchObject({ allowed: true, remaining: 1, limit: 3 });
  });

  test('counts who came and who was refused', () => {
    const limiter = new RequestLimiter({ limit: 1 });
    limiter.checkLimit(from('::1'));
    limiter.checkLimit(from('::1'));
    limiter.checkLimit(from('::2'));
    expect(limiter.getStats()).toMatchObject({ totalRequests: 3, allowed: 2, denied: 1 });
  });

  test('resetClient starts a client afresh', () => {
    const limiter = new RequestLimiter({ limit: 1, keyGenerator: () => 'me' });
    limiter.checkLimit(from('::1'));
    limiter.resetClient('me');
    expect(limiter.checkLimit(from('::1')).allowed).toBe(true);
  });
});
