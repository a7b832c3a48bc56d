'use strict';
// CacheService: what its switches turn off, and its warm-up.
const { existsSync, mkdtempSync, readdirSync, rmSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');
const { here, useServices, atEnd, make, l3 } = require('../support/cache-service');
const { until } = require('../support/loopback');

useServices();
const root = path.join(__dirname, '..', '..');

describe('environment', () => {
  const tiers = ({ cache }) => cache.health();
  test('without anything: memory, and a disk of its own, which goes with it', async () => {
    const service = make();
    const beside = make();
    await service.set('k', 1, 60);
    expect([tiers(service), await beside.get('k')]).toEqual([{ redis: 'off', disk: 'up' }, null]);
    const own = () => readdirSync(os.tmpdir()).filter((name) => name.startsWith(`sluice-cache-`) && name.includes(`-${process.pid}-`));
    expect(own().length).toBe(2);
    await Promise.all([service.destroy(), beside.destroy()]);
    expect(own()).toEqual([]);
  });
  test('a folder of its own is listened for while it is there, however often the module is loaded', async () => {
    const before = process.listenerCount('exit');
    for (let at = 0; at < 3; at += 1) {
      jest.resetModules();
      const { CacheService: Fresh } = require('sluice/compat');
      const [one, other] = [new Fresh(), new Fresh()];
      await Promise.all([one.set('k', 1), other.set('k', 1)]);
      await one.destroy();
      expect(process.listenerCount('exit')).toBe(before + 1);
      await other.destroy();
    }
    expect(process.listenerCount('exit')).toBe(before);
  });
  test('a folder of its own goes with its process, and after one that was killed', async () => {
    const temporary = mkdtempSync(path.join(os.tmpdir(), 'sluice-own-'));
    const run = (end) => {
      const source = `const { CacheService } = require('./compat'); const service = new CacheService();
        service.set('k', 1, 60).then(() => { console.log(require('fs').readdirSync(process.env.TMPDIR).length); ${end} });`;
      return spawnSync(process.execPath, ['-e', source], { cwd: root, encoding: 'utf8', env: { ...process.env, TMPDIR: temporary }, timeout: 240_000 }).stdout.trim();
    };
    try {
      expect([run(''), readdirSync(temporary)]).toEqual(['1', []]);
      run("process.kill(process.pid, 'SIGKILL')");
      expect(readdirSync(temporary).length).toBe(1);
      run("const look = () => require('fs').readdirSync(process.env.TMPDIR).length > 1 && setTimeout(look, 5); look()");
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
  test('CACHE_L3_PATH, l3Path before it, and CACHE_L3_ENABLED, which wins over both', async () => {
    process.env.CACHE_L3_PATH = path.join(here.folder, 'variable');
    await make().set('k', 1, 60);
    await make({ l3Path: path.join(here.folder, 'argument') }).set('k', 1, 60);
    expect(readdirSync(here.folder).sort()).toEqual(['argument', 'variable']);
    process.env.CACHE_L3_ENABLED = 'false';
    const off = make({ l3Path: path.join(here.folder, 'none') });
    await off.set('k', 1, 60);
    expect([tiers(off).disk, existsSync(path.join(here.folder, 'none'))]).toEqual(['off', false]);
    const asked = make({ disk: { ttl: 60 }, l3Path: path.join(here.folder, 'asked') });
    await asked.initialize();
    expect([tiers(asked).disk, existsSync(path.join(here.folder, 'asked'))]).toEqual(['up', true]);
  });
  test('REDIS_URL where nobody is: a miss is null, memory and disk go on, and the process ends by itself', () => {
    const source = `const { CacheService } = require('./compat'); const service = new CacheService({ l3Path: ${JSON.stringify(here.folder)} });
      (async () => console.log(JSON.stringify([await service.get('k'), await service.set('k', 1, 60), await service.get('k'), service.cache.health()])))();`;
    const { stdout, stderr, status, signal } = spawnSync(process.execPath, ['-e', source], { cwd: root, encoding: 'utf8', env: { ...process.env, REDIS_URL: 'redis://127.0.0.1:1' }, timeout: 240_000 });
    expect({ stdout: stdout.trim(), stderr, status, signal }).toEqual({ stdout: '[null,false,1,{"redis":"down","disk":"up"}]', stderr: '', status: 0, signal: null });
  });
  test('a redis of "" is none', () => expect(tiers(l3({ redis: '' })).redis).toBe('off'));
  test('REDIS_URL, unless the argument says another or none', async () => {
    process.env.REDIS_URL = here.server.url;
    process.env.CACHE_L3_ENABLED = '0';
    const service = make();
    await service.initialize();
    expect([tiers(service).redis, tiers(make({ redis: false })).redis, tiers(make({ redis: null })).redis]).toEqual(['up', 'off', 'off']);
    process.env.REDIS_URL = 'localhost';
    expect(() => make()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'REDIS_URL' }));
  });
  test('CACHE_BLOOM_FILTER: what nobody has is remembered, or not', async () => {
    const hits = async (service) => {
      for (let at = 0; at < 3; at += 1) await service.get('none');
      return service.getStats().negativeHits;
    };
    expect(await hits(l3())).toBe(2);
    process.env.CACHE_BLOOM_FILTER = 'false';
    expect(await hits(l3({ l3Path: path.join(here.folder, 'b') }))).toBe(0);
    expect(await hits(l3({ l3Path: path.join(here.folder, 'c'), negative: { ttl: 5 } }))).toBe(2);
  });
  test('ENABLE_PERFORMANCE_OPTIMIZATION=false: no disk, no negative memory, no warm-up, whatever the other variables say', async () => {
    Object.assign(process.env, { ENABLE_PERFORMANCE_OPTIMIZATION: 'false', CACHE_L3_ENABLED: 'true', CACHE_L3_PATH: here.folder, CACHE_BLOOM_FILTER: 'true', CACHE_WARMUP_ENABLED: 'true' });
    const loader = jest.fn(() => 1);
    const service = make({ warmup: { keys: [{ key: 'k', loader }] } });
    await service.initialize();
    await service.get('none');
    await service.get('none');
    expect([tiers(service), service.getStats().negativeHits, loader.mock.calls.length, readdirSync(here.folder)]).toEqual([{ redis: 'off', disk: 'off' }, 0, 0, []]);
    const asked = make({ disk: here.folder, negative: {}, warmup: { enabled: true, keys: [{ key: 'k', loader }] } });
    await asked.initialize();
    await until(() => loader.mock.calls.length === 1);
    expect(tiers(asked).disk).toBe('up');
  });
  test('a variable that cannot be read is refused by name', () => {
    for (const name of ['CACHE_L3_ENABLED', 'CACHE_BLOOM_FILTER', 'CACHE_WARMUP_ENABLED', 'ENABLE_PERFORMANCE_OPTIMIZATION']) {
      process.env[name] = 'perhaps';
      expect(() => make()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: name }));
      delete process.env[name];
    }
    expect(() => make({ jitter: 5 })).toThrow(expect.objectContaining({ option: 'jitter' }));
    expect(() => make({ logger: console, l1MaxSize: 5, disk: false })).not.toThrow();
  });
});

describe('warm-up', () => {
  const keys = (loader) => [{ key: 'a', loader, ttl: 60 }, { key: 'b', value: 'b' }];
  test('with the first use, unless CACHE_WARMUP_ENABLED says no; by hand with preheat()', async () => {
    const loader = jest.fn(async () => 'a');
    const service = make({ disk: false, warmup: { keys: keys(loader), concurrency: 1 } });
    expect(loader).not.toHaveBeenCalled();
    await service.initialize();
    await until(() => loader.mock.calls.length === 1);
    expect([await service.get('a'), await service.get('b')]).toEqual(['a', 'b']);
    process.env.CACHE_WARMUP_ENABLED = 'false';
    const off = make({ disk: false, warmup: { keys: keys(loader) } });
    await off.initialize();
    expect(await off.get('b')).toBe(null);
    expect(await off.preheat()).toMatchObject({ success: 2, failed: 0 });
    expect(loader).toHaveBeenCalledTimes(2);
  });
  describe('CACHE_WARMUP_SCHEDULE', () => {
    const jobs = [];
    class Cron {
      constructor(expression, options) {
        if (expression === 'never') throw new TypeError('no such expression');
        Object.assign(this, { expression, options, running: false });
        jobs.push(this);
      }
      schedule(run) {
        Object.assign(this, { run, running: true });
      }
      stop() {
        this.running = false;
      }
    }
    beforeEach(() => {
      jobs.length = 0;
      process.env.CACHE_WARMUP_SCHEDULE = '0 2 * * *';
    });
    afterEach(() => jest.dontMock('croner'));
    const withCron = () => {
      jest.doMock('croner', () => ({ Cron }), { virtual: true });
      jest.resetModules();
      return require('sluice/compat').CacheService;
    };
    test('is run by croner where there is one, from the first use until destroy', async () => {
      const Service = withCron();
      const loader = jest.fn(async () => 'a');
      const service = new Service({ disk: false, warmup: { keys: keys(loader) } });
      atEnd(service);
      expect(jobs).toMatchObject([{ expression: '0 2 * * *', options: { unref: true }, running: false }]);
      await service.initialize();
      expect(jobs[0].running).toBe(true);
      await until(() => loader.mock.calls.length === 1);
      await service.delete('a');
      await jobs[0].run();
      expect(loader).toHaveBeenCalledTimes(2);
      await service.destroy();
      expect(jobs[0].running).toBe(false);
      atEnd(new Service({ disk: false, warmup: { schedule: '1 1 * * *', keys: keys(loader) } }), new Service({ disk: false }));
      expect(jobs.map(({ expression }) => expression)).toEqual(['0 2 * * *', '1 1 * * *']);
    });
    test('one that is no cron expression is refused', () => {
      const Service = withCron();
      process.env.CACHE_WARMUP_SCHEDULE = 'never';
      expect(() => new Service({ disk: false, warmup: { keys: keys() } })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'CACHE_WARMUP_SCHEDULE' }));
    });
    test('without croner says that it does not run, and warms at the start', async () => {
      jest.doMock('croner', () => { throw new Error('Cannot find module'); }, { virtual: true });
      jest.resetModules();
      const { CacheService: Service } = require('sluice/compat');
      const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      try {
        const service = new Service({ disk: false, warmup: { keys: keys(() => 'a') } });
        atEnd(service);
        expect(warned.mock.calls).toEqual([[expect.stringMatching(/"0 2 \* \* \*" does not run.*croner/), { code: 'SLUICE_NO_SCHEDULE' }]]);
        await service.initialize();
        await until(async () => (await service.get('a')) === 'a');
      } finally {
        warned.mockRestore();
      }
    });
  });
});
