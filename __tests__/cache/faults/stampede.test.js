'use strict';
// Single flight between processes: 1000 callers on four of them, and an owner that dies.
const path = require('node:path');
const { startRedis, stopAll } = require('../../redis');
const { cleanUp, folder, startInstance } = require('./support');

afterEach(cleanUp);
afterAll(stopAll);

const tiers = {
  'disk only': async () => ({ disk: path.join(folder(), 'store') }),
  'Redis only': async () => ({ redis: (await startRedis()).url }),
};

describe.each(Object.keys(tiers))('%s', (name) => {
  let options;
  beforeEach(async () => {
    options = await tiers[name]();
  });

  test('1000 callers on four processes run one loader', async () => {
    const children = await Promise.all([1, 2, 3, 4].map(() => startInstance(options)));
    for (const key of ['one', 'two', 'three']) {
      const asked = children.map((child) => child.tell('stampede', { key, callers: 250, loadMs: 200, value: `value of ${key}` }));
      const answers = await Promise.all(asked);
      expect(answers.reduce((sum, { loads }) => sum + loads, 0)).toBe(1);
      for (const { values } of answers) expect(values).toEqual([`value of ${key}`]);
    }
  });

  test('an owner that is killed while it loads keeps nobody waiting', async () => {
    const [owner, ...others] = await Promise.all([1, 2, 3, 4].map(() => startInstance(options)));
    const loading = owner.note('loading');
    owner.tell('stampede', { key: 'key', callers: 1, loadMs: 60_000, value: 'never' }).catch(() => {});
    await loading;
    const asked = others.map((child) => child.tell('stampede', { key: 'key', callers: 250, loadMs: 20, value: 'value' }));
    await owner.kill();
    const answers = await Promise.all(asked);
    for (const { values, ms } of answers) {
      expect(values).toEqual(['value']);
      // lease.waitMs is a second
      expect(ms).toBeLessThan(10 * 1000);
    }
    // Its lease ends by its deadline, and the next caller has the value, not a wait.
    const again = await others[0].tell('stampede', { key: 'key', callers: 10, loadMs: 20, value: 'other' });
    expect(again).toMatchObject({ loads: 0, values: ['value'] });
  });

  test('a caller waits for the loader of another process no longer than lease.waitMs', async () => {
    const [owner, other] = await Promise.all([startInstance(options), startInstance({ ...options, lease: { waitMs: 150 } })]);
    const loading = owner.note('loading');
    let isLoaded = false;
    const slow = owner.tell('stampede', { key: 'key', callers: 5, loadMs: 5000, value: 'slow' }).finally(() => (isLoaded = true));
    await loading;
    const { loads, values, ms } = await other.tell('stampede', { key: 'key', callers: 5, loadMs: 1, value: 'own' });
    expect({ loads, values }).toEqual({ loads: 1, values: ['own'] });
    expect(ms).toBeGreaterThan(140);
    expect(isLoaded).toBe(false);
    expect((await slow).values).toEqual(['slow']);
  });
});
