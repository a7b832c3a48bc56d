'use strict';
// Three processes share one limit of a real server, and of a real cluster: in no window of any of their clocks more than
// the limit and a share of debt each.
const { startRedis, startCluster, stopAll } = require('../redis');
const { startHosts, endHosts, admissions, fullest, weightOf, bound, sleep } = require('../support/hosts');

const [LIMIT, WINDOW_MS] = [60, 1_000];
const HOUR_MS = 3_600_000;
let server;
let cluster;
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startCluster()]);
});
afterEach(endHosts);
afterAll(stopAll);

let names = 0;
/** A slow machine makes nobody believe that Redis is away: then nothing would be admitted. */
const SHARED = { whenRedisDown: 'closed' };
const keyed = (options) => ({ name: `keyed ${(names += 1)}`, windowMs: WINDOW_MS, maxRequests: LIMIT, ...SHARED, ...options });
const adaptive = (options) => ({ name: `adaptive ${(names += 1)}`, limit: LIMIT, windowMs: WINDOW_MS, ...SHARED, ...options });
const redis = (how, options) => ({ how, urls: /cluster/i.test(how) || how === 'own cluster' ? cluster.urls : [server.url], keyPrefix: 'p:', commandTimeoutMs: 10_000, ...options });
const own = () => redis('own');
const ownCluster = () => ({ ...redis('cluster'), how: 'own' });

async function spendFor(hosts, ms) {
  hosts.forEach((host) => host.spend());
  await sleep(ms);
}

const mixes = {
  'a server, our own connection and node-redis': () => [own(), own(), redis('node-redis')],
  'a cluster of three masters, our own connection and ioredis': () => [ownCluster(), ownCluster(), redis('ioredis Cluster')],
};
test.each(Object.keys(mixes))('%s: no window admits more than the limit and the stated debt, with clocks an hour apart', async (mix) => {
  const limiters = [
    { spend: 'keyed', options: keyed(), keys: ['a', 'b', 'c', 'd'] },
    { spend: 'weights', options: keyed(), keys: ['a', 'b'] },
    { spend: 'consume', options: keyed(), keys: ['a', 'b'] },
    { spend: 'adaptive', options: adaptive() },
    { spend: 'acquire', options: adaptive() },
  ];
  const hosts = await startHosts(mixes[mix]().map((one, at) => ({ redis: one, limiters, clockShiftMs: (at - 1) * HOUR_MS })));
  await spendFor(hosts, 2_300);
  await Promise.all(hosts.map((host) => host.stop()));
  for (const [limiter, { keys = [''] }] of limiters.entries()) {
    for (const key of keys.keys()) {
      const list = admissions(hosts, { limiter, key });
      expect({ limiter, key, most: fullest(list, WINDOW_MS) <= bound(LIMIT, 3) || fullest(list, WINDOW_MS) }).toEqual({ limiter, key, most: true });
      expect(weightOf(list)).toBeGreaterThanOrEqual(LIMIT);
    }
  }
});

test('a process that is frozen, and one that is killed, with permits in hand: they come back with the window behind its lease', async () => {
  const limiters = [{ spend: 'keyed', options: keyed(), keys: ['a'] }];
  const hosts = await startHosts([own(), own(), redis('ioredis')].map((one) => ({ redis: one, limiters })));
  await spendFor(hosts, 700);
  hosts[0].freeze();
  await hosts[1].kill();
  await sleep(1_300);
  hosts[0].thaw();
  await sleep(2_000);
  await Promise.all(hosts.map((host) => host.stop()));
  expect(fullest(admissions(hosts), WINDOW_MS)).toBeLessThanOrEqual(bound(LIMIT, 3));
  // behind its last lease and a window the others have the whole limit
  const end = Math.max(...hosts[1].notes().map(({ to }) => to));
  const left = admissions([hosts[0], hosts[2]]);
  expect(fullest(left, 1_100, { since: end + 1_100_000 })).toBeGreaterThanOrEqual(LIMIT - 6);
});
