'use strict';
// Three processes share limits of a Redis that freezes, dies, and loses all it knows: what each mode admits meanwhile, and
// the exact bound again behind that.
const { startRedis, stopAll } = require('../redis');
const { startHosts, endHosts, admissions, fullest, weightOf, bound, micros, sleep } = require('../support/hosts');

const [LIMIT, WINDOW_MS] = [60, 600];
const MODES = ['closed', 'degrade', 'open'];
const [CLOSED, DEGRADE, OPEN] = [0, 1, 2];
let server;
beforeAll(async () => {
  server = await startRedis();
});
afterEach(endHosts);
afterAll(stopAll);

let names = 0;
const limitersOf = () => MODES.map((whenRedisDown) => {
  const options = { name: `limit ${(names += 1)}`, windowMs: WINDOW_MS, maxRequests: LIMIT, whenRedisDown };
  return { spend: 'keyed', options, keys: ['a'], most: 40 };
});
/** Two of our own connections and an injected client. */
const hostsOf = (limiters) => startHosts(['own', 'ioredis', 'own'].map((how) => ({
  redis: { how, urls: [server.url], keyPrefix: 'p:', commandTimeoutMs: 150, breaker: { failures: 2, probeMs: 50 } }, limiters,
})));

/** When hosts thought that Redis was away, of one limiter: spans of time, to `end` where it did not come back. */
function outages(hosts, limiter, end) {
  return hosts.flatMap((host) => {
    const spans = [];
    for (const { event, from, to } of host.notes().filter((note) => note.limiter === limiter && note.event)) {
      if (event === 'degraded') spans.push({ from, to: end });
      else if (spans.length > 0) spans.at(-1).to = to;
    }
    return spans;
  });
}
/** Events alternate, degraded first; how many of each. */
function events(host, limiter) {
  return host.notes().filter((note) => note.limiter === limiter && note.event).map(({ event }) => event);
}

/** Spends until each host has heard of the others, then through that fault, then until all is settled and for a window more. */
async function through(...faults) {
  const hosts = await hostsOf(limitersOf());
  hosts.forEach((host) => host.spend());
  await sleep(1_000);
  const runs = [];
  for (const fault of faults) {
    const began = micros();
    await fault();
    const ended = micros();
    // breakers look again, debt is told, and a window of what was admitted meanwhile passes
    await sleep(400 + WINDOW_MS);
    const settled = micros();
    await sleep(2 * WINDOW_MS);
    runs.push({ hosts, began, ended, settled, end: micros() });
  }
  await Promise.all(hosts.map((host) => host.stop()));
  const lists = MODES.map((_, limiter) => admissions(hosts, { limiter }));
  // of a time in which a slow machine missed the time of a command nothing is claimed
  const calmSince = (limiter, { settled, end }) => Math.max(settled, ...outages(hosts, limiter, end).filter(({ from }) => from < end).map(({ to }) => to + 1.2 * WINDOW_MS * 1000));
  return { hosts, lists, runs, calmSince };
}
function backToTheBound({ lists, runs, calmSince }) {
  for (const run of runs) {
    for (const [limiter, list] of lists.entries()) {
      const [since, until] = [calmSince(limiter, run), run.end];
      if (since + WINDOW_MS * 1000 > until) continue;
      const most = fullest(list, WINDOW_MS, { since, until });
      expect({ mode: MODES[limiter], within: most <= bound(LIMIT, 3), most }).toEqual({ mode: MODES[limiter], within: true, most });
      expect(weightOf(list.filter(({ from }) => from >= since && from < until))).toBeGreaterThan(0);
    }
  }
}

test('frozen: closed admits nothing, degrade its part each, open all; both ways told once; then exact again', async () => {
  const run = await through(async () => {
    server.pause();
    await sleep(1_700);
    server.resume();
  });
  const { hosts, lists, runs: [{ began, ended }] } = run;
  // what was leased and owed when it froze may still go; then nothing
  expect(fullest(lists[CLOSED], WINDOW_MS)).toBeLessThanOrEqual(bound(LIMIT, 3));
  const known = began + 700_000;
  const away = (list) => list.filter(({ from, to }) => from >= known && to <= ended);
  const isKnown = (limiter) => hosts.every((host) => host.notes().some((note) => note.limiter === limiter && note.event === 'degraded' && note.to <= known));
  if (isKnown(CLOSED)) expect(away(lists[CLOSED])).toEqual([]);
  // each node its third, while it is away
  if (isKnown(DEGRADE)) {
    // a window of its own goes by whole milliseconds
    const most = fullest(away(lists[DEGRADE]), WINDOW_MS - 2);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(LIMIT);
  }
  // around its beginning: the window of before, and that third of each
  expect(fullest(lists[DEGRADE], WINDOW_MS, { until: ended })).toBeLessThanOrEqual(bound(LIMIT, 3) + LIMIT);
  if (isKnown(OPEN)) expect(weightOf(away(lists[OPEN]))).toBeGreaterThan(3 * LIMIT);
  for (const host of hosts) {
    for (const limiter of MODES.keys()) {
      const told = events(host, limiter);
      expect(told.slice(0, 2)).toEqual(['degraded', 'recovered']);
      expect(told.filter((_, at) => told[at] === told[at + 1])).toEqual([]);
    }
  }
  backToTheBound(run);
});

test('killed and restarted empty, then emptied: at most the same once more; then exact again', async () => {
  const run = await through(async () => {
    await server.kill();
    await sleep(400);
    await server.start();
  }, () => server.command('FLUSHALL'));
  const { lists, runs: [killed, emptied] } = run;
  // what the server knew is forgotten
  expect(fullest(lists[CLOSED], WINDOW_MS, { until: killed.began })).toBeLessThanOrEqual(bound(LIMIT, 3));
  expect(fullest(lists[CLOSED], WINDOW_MS)).toBeLessThanOrEqual(2 * bound(LIMIT, 3));
  for (const limiter of MODES.keys()) {
    // it was there all the time
    if (run.calmSince(limiter, killed) + WINDOW_MS * 1000 > emptied.began) continue;
    expect(fullest(lists[limiter], WINDOW_MS, { since: run.calmSince(limiter, killed) })).toBeLessThanOrEqual(2 * bound(LIMIT, 3));
  }
  backToTheBound(run);
});
