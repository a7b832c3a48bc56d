'use strict';
// RequestLimiter in front of real servers and mocks of them; and what was wrong with the ones before it.
const http = require('node:http');
const { KeyedLimiter } = require('sluice');
const { RequestLimiter } = require('sluice/compat/request-limiter');
const { serve, stopAll } = require('../support/loopback');

const open = [];
const make = (options) => {
  const limiter = new RequestLimiter(options);
  open.push(limiter);
  return limiter;
};
afterEach(async () => {
  jest.useRealTimers();
  jest.restoreAllMocks();
  await Promise.all(open.splice(0).map((limiter) => limiter.close()));
});
afterAll(stopAll);
const fakes = () => jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
const from = (remoteAddress, headers = {}) => ({ socket: { remoteAddress }, headers });
const ask = (url, headers) => new Promise((resolve, reject) => {
  http.get(url, { headers, agent: false }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
  }).on('error', reject);
});
const mock = () => ({ headers: {}, setHeader(name, value) { this.headers[name] = value; }, end: jest.fn() });

describe.each([['with everything on', undefined], ['plain', 'false']])('%s', (mode, switched) => {
  beforeEach(() => {
    delete process.env.ENABLE_PERFORMANCE_OPTIMIZATION;
    if (switched !== undefined) process.env.ENABLE_PERFORMANCE_OPTIMIZATION = switched;
  });
  afterEach(() => delete process.env.ENABLE_PERFORMANCE_OPTIMIZATION);

  test('100 a minute and 20 a second for each address, by default', () => {
    fakes();
    const limiter = make();
    expect(limiter).toMatchObject({ limit: 100, windowMs: 60_000, burst: 20, trustProxy: false });
    const seen = [];
    for (let second = 0; second < 6; second += 1) {
      let allowed = 0;
      for (let at = 0; at < 30; at += 1) allowed += limiter.checkLimit(from('1.1.1.1')).allowed;
      seen.push(allowed);
      jest.advanceTimersByTime(1000);
    }
    expect(seen).toEqual([20, 20, 20, 20, 20, 0]);
    expect(limiter.checkLimit(from('2.2.2.2'))).toStrictEqual({ allowed: true, remaining: 99, retryAfter: 0, limit: 100 });
    expect(limiter.getStats()).toStrictEqual({ totalRequests: 181, allowed: 101, denied: 80, activeClients: 2, evicted: 0 });
  });

  test('what a refusal says', () => {
    fakes();
    const limiter = make({ limit: 2, windowMs: 10_000, burst: 1 });
    const req = from('1.1.1.1');
    expect(limiter.checkLimit(req)).toStrictEqual({ allowed: true, remaining: 1, retryAfter: 0, limit: 2 });
    expect(limiter.checkLimit(req)).toStrictEqual({ allowed: false, remaining: 0, retryAfter: 1, limit: 2, message: expect.any(String) });
    jest.advanceTimersByTime(1000);
    expect(limiter.checkLimit(req)).toStrictEqual({ allowed: true, remaining: 0, retryAfter: 0, limit: 2 });
    // both refuse: the longer wait counts
    expect(limiter.checkLimit(req)).toMatchObject({ allowed: false, retryAfter: 9, limit: 2 });
    jest.advanceTimersByTime(8001);
    expect(limiter.checkLimit(req)).toMatchObject({ allowed: false, retryAfter: 1, limit: 2 });
    jest.advanceTimersByTime(999);
    expect(limiter.checkLimit(req).allowed).toBe(true);
    // many short windows in a second, and still no more than the burst
    const short = make({ limit: 5, windowMs: 100, burst: 20 });
    let allowed = 0;
    for (let at = 0; at < 9; at += 1) {
      for (let again = 0; again < 6; again += 1) allowed += short.checkLimit(req).allowed;
      jest.advanceTimersByTime(100);
    }
    expect(allowed).toBe(20);
    jest.advanceTimersByTime(8100);
    limiter.updateConfig({ message: 'Später.' });
    while (limiter.checkLimit(req).allowed) jest.advanceTimersByTime(1000);
    expect(limiter.checkLimit(req).message).toBe('Später.');
  });

  test('in front of a server: the headers, 429, and who comes through', async () => {
    const limiter = make({ limit: 2, windowMs: 60_000 });
    const { url } = await serve((req, res) => {
      if (limiter.handleRequest(req, res, () => (req.wentOn = true))) res.end(`through ${req.wentOn}`);
    });
    const first = await ask(url);
    expect(first).toMatchObject({ status: 200, text: 'through true', headers: { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1', 'ratelimit-policy': '"default";q=2;w=60', ratelimit: expect.stringMatching(/^"default";r=1;t=\d+$/) } });
    expect(first.headers['retry-after']).toBe(undefined);
    expect((await ask(url)).headers['x-ratelimit-remaining']).toBe('0');
    const third = await ask(url);
    expect(third).toMatchObject({ status: 429, headers: { 'content-type': 'application/json', 'x-ratelimit-remaining': '0' } });
    const wait = Number(third.headers['retry-after']);
    expect(wait).toBeGreaterThan(30);
    expect(wait).toBeLessThanOrEqual(60);
    expect(JSON.parse(third.text)).toEqual({ error: { message: limiter.message, code: 'RATE_LIMIT_EXCEEDED', retryAfter: expect.any(Number) } });
    limiter.updateConfig({ statusCode: 503 });
    expect((await ask(url)).status).toBe(503);
  });

  test('the headers of a refusal tell both: when one may come, and when all may', () => {
    fakes();
    const limiter = make({ limit: 2, windowMs: 10_000 });
    limiter.handleRequest(from('1.1.1.1'), mock());
    jest.advanceTimersByTime(4000);
    limiter.handleRequest(from('1.1.1.1'), mock());
    jest.advanceTimersByTime(1000);
    const res = mock();
    limiter.handleRequest(from('1.1.1.1'), res);
    expect(res.headers).toMatchObject({ 'Retry-After': '5', 'X-RateLimit-Reset': '9', RateLimit: '"default";r=0;t=9' });
  });

  test('frameworks that answer by status() and json()', () => {
    const limiter = make({ limit: 1 });
    const res = { set: jest.fn(), status: jest.fn(() => res), json: jest.fn() };
    const next = jest.fn();
    limiter.handleRequest(from('1.1.1.1'), res, next);
    expect([next.mock.calls, res.status.mock.calls]).toEqual([[[]], []]);
    expect(limiter.handleRequest(from('1.1.1.1'), res, next)).toBe(false);
    expect([next.mock.calls.length, res.status.mock.calls, res.json.mock.calls.length]).toEqual([1, [[429]], 1]);
    expect(res.set.mock.calls.map(([name]) => name)).toContain('Retry-After');
  });

  test('a mock that only takes headers; settings of null are not given', () => {
    const limiter = make({ limit: 1, keyGenerator: null, trustProxy: null, rules: null });
    const res = { setHeader: jest.fn() };
    expect([limiter.handleRequest(from('1.1.1.1'), res), limiter.handleRequest(from('1.1.1.1'), res)]).toEqual([true, false]);
    expect(res.statusCode).toBe(429);
  });

  test('a key that is a promise would be everybody’s, and is refused', () => {
    const limiter = make({ keyGenerator: async (req) => req.user });
    expect(() => limiter.checkLimit({ user: 'a' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'keyGenerator' }));
    expect(limiter.getStats()).toMatchObject({ totalRequests: 0, activeClients: 0 });
  });

  test('handleRequest asks checkLimit: spies and subclasses see it', () => {
    const limiter = make({ limit: 7, windowMs: 5000 });
    const check = jest.spyOn(limiter, 'checkLimit');
    const next = jest.fn();
    limiter.handleRequest(from('1.1.1.1'), mock(), next);
    check.mockReturnValue({ allowed: false, remaining: 0, retryAfter: 3, limit: 2, message: 'spied' });
    const res = mock();
    expect(limiter.handleRequest(from('1.1.1.1'), res, next)).toBe(false);
    expect([check.mock.calls.length, next.mock.calls.length]).toEqual([2, 1]);
    expect(res).toMatchObject({ statusCode: 429, headers: { 'Retry-After': '3', 'X-RateLimit-Limit': '2', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '3' } });
    expect(JSON.parse(res.end.mock.calls[0][0]).error).toEqual({ message: 'spied', code: 'RATE_LIMIT_EXCEEDED', retryAfter: 3 });
    check.mockReturnValue({ allowed: true });
    const through = mock();
    expect(limiter.handleRequest(from('1.1.1.1'), through, next)).toBe(true);
    expect(through.headers).toMatchObject({ 'X-RateLimit-Limit': '7', 'X-RateLimit-Reset': '5' });
  });

  test('rules by key: an object, a Map, a function', () => {
    const rules = { gold: { limit: 3 }, shut: { limit: 0 }, slow: { limit: 1, windowMs: 5 } };
    for (const given of [rules, new Map(Object.entries(rules)), (key) => (Object.hasOwn(rules, key) ? rules[key] : undefined)]) {
      fakes();
      const limiter = make({ limit: 1, burst: false, keyGenerator: (req) => req.plan, rules: given });
      const allowed = (plan) => limiter.checkLimit({ plan }).allowed;
      expect([allowed('gold'), allowed('gold'), allowed('gold'), allowed('gold')]).toEqual([true, true, true, false]);
      expect([allowed('free'), allowed('free'), allowed('shut'), allowed('toString')]).toEqual([true, false, false, true]);
      expect([allowed('slow'), allowed('slow')]).toEqual([true, false]);
      jest.advanceTimersByTime(5);
      expect(allowed('slow')).toBe(true);
    }
    const burst = make({ limit: 10, keyGenerator: () => 'k', rules: { k: { burst: 2 } } });
    expect([burst.checkLimit({}), burst.checkLimit({}), burst.checkLimit({})].map(({ allowed }) => allowed)).toEqual([true, true, false]);
    // no rule makes tables without end
    const many = make({ keyGenerator: (req) => req.key, rules: (key) => ({ windowMs: 1000 + Number(key) }) });
    expect(() => { for (let key = 0; key < 100; key += 1) many.checkLimit({ key }); }).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'windowMs' }));
  });

  test('who is who: a key of one\'s own, the address, nobody', () => {
    const limiter = make({ limit: 1, burst: 0 });
    const allowed = (req) => limiter.checkLimit(req).allowed;
    expect([allowed(from('1.1.1.1')), allowed(from('::ffff:1.1.1.1')), allowed({ connection: { remoteAddress: '1.1.1.1' } }), allowed({ ip: '1.1.1.1' })]).toEqual([true, false, false, false]);
    expect([allowed({}), allowed({ headers: {} })]).toEqual([true, false]);
    class ByUser extends RequestLimiter {
      keyGenerator(req) {
        return req.user;
      }
    }
    const byUser = new ByUser({ limit: 1 });
    open.push(byUser);
    expect([byUser.checkLimit({ user: 'a' }).allowed, byUser.checkLimit({ user: 'a' }).allowed, byUser.checkLimit({ user: 'b' }).allowed, byUser.checkLimit({ user: 7 }).allowed]).toEqual([true, false, true, true]);
    const generator = jest.spyOn(limiter, 'keyGenerator').mockReturnValue('spied');
    expect([allowed(from('1.1.1.1')), allowed(from('1.1.1.1')), generator.mock.calls.length]).toEqual([true, false, 2]);
  });

  test('resetClient and updateConfig', () => {
    fakes();
    const limiter = make({ limit: 2, windowMs: 1000, burst: 1 });
    const req = from('1.1.1.1');
    limiter.checkLimit(req);
    expect(limiter.checkLimit(req).allowed).toBe(false);
    limiter.resetClient('1.1.1.1');
    expect(limiter.checkLimit(req)).toMatchObject({ allowed: true, remaining: 1 });
    limiter.updateConfig({ limit: 3, burst: 10, windowMs: 5000 });
    expect(limiter).toMatchObject({ limit: 3, burst: 10, windowMs: 5000 });
    // what was admitted still counts
    expect(limiter.checkLimit(req)).toMatchObject({ allowed: true, remaining: 1, limit: 3 });
    jest.advanceTimersByTime(1000);
    expect([limiter.checkLimit(req).remaining, limiter.checkLimit(req).allowed]).toEqual([0, false]);
    // a rule's own window stays what it was
    const ruled = make({ windowMs: 1000, keyGenerator: (one) => one.key, rules: { a: { limit: 1, windowMs: 5000 } } });
    expect([ruled.checkLimit({ key: 'a' }).allowed, ruled.checkLimit({ key: 'b' }).allowed]).toEqual([true, true]);
    ruled.updateConfig({ windowMs: 5000 });
    expect(ruled.checkLimit({ key: 'a' }).allowed).toBe(false);
    expect(ruled.checkLimit({ key: 'b' })).toMatchObject({ allowed: true, remaining: 98 });
    for (const [given, option] of [[{ limit: -1 }, 'limit'], [{ windowMs: 0 }, 'windowMs'], [{ burst: 'some' }, 'burst'], [{ rules: 'all' }, 'rules'], [{ rules: { a: { limit: 1.5 } } }, 'rules.a.limit'], [{ rules: { a: 5 } }, 'rules.a'], [{ trustProxy: 'loopback' }, 'trustProxy'], [{ keyGenerator: 'ip' }, 'keyGenerator'], [{ statusCode: 42 }, 'statusCode']]) {
      const refused = expect.objectContaining({ code: 'ERR_INVALID_OPTION', option });
      expect(() => new RequestLimiter(given)).toThrow(refused);
      expect(() => limiter.updateConfig({ limit: 1, ...given })).toThrow(refused);
    }
    expect(limiter.limit).toBe(3);
  });
});

test.each([['updateConfig', (limiter, windowMs) => limiter.updateConfig({ windowMs })], ['the field', (limiter, windowMs) => (limiter.windowMs = windowMs)]])(
  'another window, by %s, leaves rules their own, of whatever length', (_, change) => {
    fakes();
    const limiter = make({ limit: 3, windowMs: 60_000, burst: 0, keyGenerator: (key) => key, rules: { vip: { limit: 2, windowMs: 60_000 }, quick: { limit: 1, windowMs: 30_000 } } });
    const allowed = (...keys) => keys.map((key) => limiter.checkLimit(key).allowed);
    expect(allowed('vip', 'vip', 'vip', 'quick', 'quick', 'one', 'one')).toEqual([true, true, false, true, false, true, true]);
    expect(limiter.getStats().activeClients).toBe(3);
    change(limiter, 30_000);
    expect(allowed('vip', 'quick', 'one', 'one')).toEqual([false, false, true, false]);
    jest.advanceTimersByTime(30_000);
    expect(allowed('vip', 'quick', 'one')).toEqual([false, true, true]);
    jest.advanceTimersByTime(30_000);
    expect(allowed('vip', 'vip', 'vip')).toEqual([true, true, false]);
    limiter.resetClient('vip');
    expect(allowed('vip')).toEqual([true]);
  });

describe('defects of the originals', () => {
  test("anyone's x-forwarded-for is believed", async () => {
    const limiter = make({ limit: 1 });
    const { url } = await serve((req, res) => limiter.handleRequest(req, res, () => res.end()));
    expect((await ask(url, { 'x-forwarded-for': '9.9.9.1' })).status).toBe(200);
    expect((await ask(url, { 'x-forwarded-for': '9.9.9.2' })).status).toBe(429);
    const keys = (trustProxy, said) => make({ trustProxy }).keyGenerator(from('10.0.0.1', { 'x-forwarded-for': said }));
    // one proxy in front: what a client says itself stands before what the proxy adds
    expect(keys(1, '6.6.6.6, 1.2.3.4')).toBe('1.2.3.4');
    expect(keys(2, '6.6.6.6, 1.2.3.4, 10.0.0.9')).toBe('1.2.3.4');
    expect(keys(true, '1.2.3.4, 10.0.0.9')).toBe('1.2.3.4');
    expect(keys(5, '1.2.3.4')).toBe('1.2.3.4');
    expect(keys(1, '1.2.3.4:5678')).toBe('1.2.3.4');
    expect(keys(1, '[2001:db8::1]:443')).toBe('2001:db8::1');
    expect(keys(1, '')).toBe('10.0.0.1');
    expect(keys(0, '1.2.3.4')).toBe('10.0.0.1');
  });

  test('headers that come too late', () => {
    const limiter = make({ limit: 1 });
    const res = mock();
    limiter.handleRequest(from('1.1.1.1'), res, () => expect(res.headers['X-RateLimit-Remaining']).toBe('0'));
    expect(res.headers).toMatchObject({ 'X-RateLimit-Limit': '1', RateLimit: expect.any(String) });
    const refused = mock();
    limiter.handleRequest(from('1.1.1.1'), refused);
    expect(refused).toMatchObject({ statusCode: 429, headers: { 'Retry-After': expect.any(String), 'Content-Type': 'application/json' } });
    expect(refused.end).toHaveBeenCalledTimes(1);
    expect.assertions(4);
  });

  test('a denied request counts', () => {
    fakes();
    const limiter = make({ limit: 5, windowMs: 10_000, burst: 1 });
    const admitted = [];
    for (let at = 0; at < 200; at += 1) {
      if (limiter.checkLimit(from('eager')).allowed) admitted.push(at * 100);
      jest.advanceTimersByTime(100);
    }
    // by the burst one a second, by the limit five in ten; a refusal of either takes nothing of the other
    expect(admitted).toEqual([0, 1000, 2000, 3000, 4000, 10_000, 11_000, 12_000, 13_000, 14_000]);
  });

  test('clients that never leave, and their addresses in memory', () => {
    const tables = new Set();
    const check = KeyedLimiter.prototype.check;
    jest.spyOn(KeyedLimiter.prototype, 'check').mockImplementation(function spied(...given) {
      tables.add(this);
      return check.apply(this, given);
    });
    // of keys of 10 KB each only the hashes are there
    const wide = make({ limit: 50, keyGenerator: ({ key }) => String(key).repeat(10_000) });
    const bytes = () => Math.max(...[...tables].map((table) => table.bytes));
    wide.checkLimit({ key: 0 });
    const before = bytes();
    for (let key = 1; key < 1000; key += 1) wide.checkLimit({ key });
    expect(wide.getStats().activeClients).toBe(1000);
    expect(bytes() - before).toBeLessThan(1000 * 100);
    expect(require('node:util').inspect(wide, { depth: 9, showHidden: true })).not.toContain('999999');
    const limiter = make({ limit: 1, maxKeys: 50 });
    limiter.checkLimit(from('at its limit'));
    for (let at = 0; at < 1000; at += 1) limiter.checkLimit(from(`fresh ${at}`));
    expect(limiter.getStats().activeClients).toBeLessThanOrEqual(51);
    expect(limiter.checkLimit(from('at its limit')).allowed).toBe(false);
  });

  test('a wait that ends too early', () => {
    fakes();
    const limiter = make({ limit: 1, windowMs: 1500 });
    limiter.checkLimit(from('a'));
    jest.advanceTimersByTime(100);
    const { retryAfter } = limiter.checkLimit(from('a'));
    expect(retryAfter).toBe(2);
    jest.advanceTimersByTime(retryAfter * 1000);
    expect(limiter.checkLimit(from('a')).allowed).toBe(true);
  });
});
