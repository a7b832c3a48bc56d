'use strict';
// The simulations behind the charts of docs/limiter.md, and what they have to show: the limiter by its public face, on a clock of
// their own. crates/core/tests/limiter_simulation.rs has the same claims for the core alone, over more upstreams.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { AdaptiveLimiter } = require('sluice');
const { SCENARIOS, TICK_MS } = require('../../scripts/simulate/scenarios');
const { ALGORITHMS, simulate } = require('../../scripts/simulate/simulator');

const root = path.join(__dirname, '..', '..');
const names = Object.keys(SCENARIOS);
const written = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-simulation-'));
/** Each scenario's runs, by rule. */
let runs;
beforeAll(() => {
  // in a process of its own, as it runs in earnest: faster than in jest's realm
  const { status, stderr } = spawnSync(process.execPath, [path.join(root, 'scripts', 'simulate-limiter.mjs'), written], { encoding: 'utf8', timeout: 240_000 });
  expect([status, stderr]).toEqual([0, '']);
  runs = JSON.parse(fs.readFileSync(path.join(written, 'runs.json'), 'utf8'));
});
afterAll(() => fs.rmSync(written, { recursive: true }));

const isOurs = (rule) => rule !== 'original';
const ours = (name) => Object.entries(runs[name]).filter(([rule]) => isOurs(rule)).map(([, run]) => run);
/** The limit at a time, by its moves. */
function limitAt(name, rule, ms) {
  const before = runs[name][rule].moves.filter(([at]) => at <= ms);
  return before.length === 0 ? SCENARIOS[name].start : before.at(-1)[2];
}
const sum = (samples, measure) => samples.reduce((total, sample) => total + sample[measure], 0);
const during = ({ samples }, from, until) => samples.filter(({ ms }) => ms > from && ms <= until);

describe.each(names)('%s', (name) => {
  test('the chart is what the simulation draws: npm run simulate:limiter writes it', () => {
    const [drawn, kept] = [written, path.join(root, 'docs', 'limiter')].map((folder) => fs.readFileSync(path.join(folder, `${name}.svg`), 'utf8'));
    // not toBe: its diff of two charts helps nobody
    expect(drawn === kept).toBe(true);
    expect(drawn.length).toBeLessThan(40_000);
    expect(drawn).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('within its bounds at all times, one move an interval, nothing in flight above it', () => {
    const { min, max, intervalMs, windowMs } = SCENARIOS[name];
    for (const { moves, samples, totals } of ours(name)) {
      for (const limit of [...moves.map(([, , to]) => to), ...samples.map((sample) => sample.limit)]) {
        expect(limit).toBeGreaterThanOrEqual(min);
        expect(limit).toBeLessThanOrEqual(max);
      }
      moves.forEach(([at], index) => index > 0 && expect(at - moves[index - 1][0]).toBeGreaterThanOrEqual(intervalMs));
      if (windowMs === undefined) expect(totals.mostInFlight).toBeLessThanOrEqual(Math.max(SCENARIOS[name].start, ...moves.map(([, , to]) => to)));
    }
  });
});

test('every call is answered, failed or refused, but for those of the last moment', () => {
  for (const name of names.filter((one) => SCENARIOS[one].arrivals)) {
    const { arrivals, endMs, max, maxQueue } = SCENARIOS[name];
    let came = 0;
    for (let ms = 0; ms <= endMs; ms += TICK_MS) came += arrivals(ms);
    for (const { totals } of Object.values(runs[name])) {
      const missing = came - totals.answered - totals.failed - totals.refused;
      expect([name, missing >= 0 && missing <= max + maxQueue]).toEqual([name, true]);
    }
  }
});

test('a limit that nobody reaches stays; the original rule lets it grow to its maximum', () => {
  for (const { moves, totals } of ours('fast')) {
    expect(moves).toEqual([]);
    expect(totals.refused).toBe(0);
  }
  expect(limitAt('fast', 'original', Infinity)).toBe(SCENARIOS.fast.max);
});

test('healthy and saturated: never below the start, and up to the maximum; the original rule falls to its minimum', () => {
  for (const { rule, moves } of ours('saturated')) {
    expect(moves.every(([, from, to]) => to > from)).toBe(true);
    expect(limitAt('saturated', rule, Infinity)).toBe(SCENARIOS.saturated.max);
  }
  expect(limitAt('saturated', 'original', Infinity)).toBe(SCENARIOS.saturated.min);
  for (const { totals } of ours('saturated')) expect(totals.answered).toBeGreaterThan(9 * runs.saturated.original.totals.answered);
});

test('the services\u2019 own setting: 585 calls in an hour, where the original rule let 188 through', () => {
  expect(Object.values(runs.window).map(({ rule, totals }) => [rule, totals.answered])).toEqual([['step', 585], ['aimd', 585], ['original', 188]]);
});

test('a slow creep lowers: the gradient as soon as it shows, until it knows better; the others once it is above 500 ms', () => {
  // 20 s: 50 ms; 48.4 s: 500 ms
  const first = (rule) => runs.creep[rule].moves.find(([, from, to]) => to < from)[0];
  expect(first('gradient')).toBeLessThan(30_000);
  for (const rule of ['step', 'aimd']) {
    expect(first(rule)).toBeGreaterThan(48_000);
    expect(first(rule)).toBeLessThan(52_000);
    expect(limitAt('creep', rule, 90_000)).toBe(SCENARIOS.creep.min);
  }
  // which is as slow with one call as with thirty: probes tell
  expect(Math.max(...during(runs.creep.gradient, 80_000, 90_000).map(({ limit }) => limit))).toBeGreaterThanOrEqual(25);
});

describe('a total outage from second 20 to 40', () => {
  const { intervalMs, min, max } = SCENARIOS.outage;
  test.each(['aimd', 'gradient'])("'%s' is at the minimum within five intervals and stays there", (rule) => {
    expect(limitAt('outage', rule, 20_000)).toBeGreaterThan(20);
    // an interval ends a millisecond after a second
    for (let ms = 20_000 + 5 * intervalMs + 10; ms < 40_000; ms += 500) expect(limitAt('outage', rule, ms)).toBe(min);
  });
  test("'step' goes down by one an interval, as the services do: in their own bounds it is there in five", async () => {
    expect(limitAt('outage', 'step', 20_000 + 5 * intervalMs + 10)).toBe(limitAt('outage', 'step', 20_500) - 5);
    const { window } = SCENARIOS;
    const { moves } = await simulate(AdaptiveLimiter, 'step', { ...window, start: 8, endMs: 6 * 60_000, upstream: () => () => ({ ms: 20, status: 500 }) });
    expect(moves.filter(([at]) => at <= 5 * 60_000 + 100).at(-1)[2]).toBe(window.min);
  });
  test('the original rule never lowers: what fails is not in its books', () => {
    expect(runs.outage.original.moves.filter(([at, from, to]) => at > 20_000 && at <= 40_000 && to < from)).toEqual([]);
    expect(limitAt('outage', 'original', 40_000)).toBeGreaterThan(limitAt('outage', 'original', 20_000) + 10);
  });
  test('a tenth of the calls that would fail are sent once it is known', () => {
    const failures = (rule) => sum(during(runs.outage[rule], 30_000, 40_000), 'failed');
    for (const rule of ['aimd', 'gradient']) expect(failures(rule)).toBeLessThan(failures('original') / 5);
  });
  // from 2 to 30 at once: one more an interval, 28 of them; 'gradient' 0.8 an interval at most
  test.each([['step', 20], ['aimd', 28], ['gradient', 35]])("'%s' is at the maximum again %d intervals after it has ended", (rule, intervals) => {
    const back = runs.outage[rule].moves.find(([at, , to]) => at > 40_000 && to === max)[0];
    expect(Math.ceil((back - 40_000 - 10) / intervalMs)).toBe(intervals);
    expect(runs.outage[rule].moves.every(([at, from, to]) => at <= 41_100 || to > from)).toBe(true);
  });
});

test('429 with Retry-After: held to, so that as much is answered with a tenth of the failures', () => {
  const { original } = runs['retry-after'];
  expect(original.totals.failed).toBeGreaterThan(1000);
  for (const { rule, totals } of ours('retry-after')) {
    expect(totals.failed).toBeLessThan(original.totals.failed / 10);
    expect(totals.answered).toBeGreaterThanOrEqual(original.totals.answered * 0.99);
    // what was refused by others is no reason to lower
    expect(runs['retry-after'][rule].moves.every(([, from, to]) => to > from)).toBe(true);
  }
});

test('idleness moves nothing, and a burst after it is held to the limit that was', () => {
  for (const { moves, totals } of ours('burst')) {
    expect(moves.filter(([at]) => at < 45_000)).toEqual([]);
    expect(totals.mostInFlight).toBeLessThanOrEqual(SCENARIOS.burst.start + 1);
  }
  expect(runs.burst.original.totals.mostInFlight).toBeGreaterThan(2 * SCENARIOS.burst.start);
});

test('a step in capacity: all lower, the gradient to the shortest latency, and all come back', () => {
  // without a probe, which is a moment
  const latency = (rule) => Math.max(...during(runs.capacity[rule], 70_000, 90_000).map(({ latencyMs }) => latencyMs));
  for (const rule of ALGORITHMS) {
    const limits = (from, until) => during(runs.capacity[rule], from, until).map(({ limit }) => limit);
    expect(Math.max(...limits(70_000, 90_000))).toBeLessThan(0.75 * Math.max(...limits(20_000, 30_000)));
    expect(latency(rule)).toBeLessThan(500);
    expect(sum(during(runs.capacity[rule], 110_000, 120_000), 'answered')).toBeGreaterThan(10 * 400 * 0.95);
  }
  expect(latency('gradient')).toBeLessThan(latency('aimd'));
  expect(latency('aimd')).toBeLessThan(latency('step'));
});

test('docs/limiter.md says these figures', () => {
  const page = fs.readFileSync(path.join(root, 'docs', 'limiter.md'), 'utf8').replace(/\s+/g, ' ');
  const { saturated, outage, capacity, creep, window: own, 'retry-after': quota } = runs;
  const said = (number) => (number < 10_000 ? String(number) : number.toLocaleString('en'));
  const lateFailures = (rule) => sum(during(outage[rule], 30_000, 40_000), 'failed');
  const latency = (rule) => Math.max(...during(capacity[rule], 75_000, 90_000).map(({ latencyMs }) => Math.round(latencyMs)));
  const lowered = (rule) => creep[rule].moves.filter(([at, from, to]) => at > 45_000 && to < from).length;
  expect(lateFailures('aimd')).toBe(lateFailures('gradient'));
  for (const text of [
    `${said(saturated.original.totals.answered)} calls instead of ${said(saturated.aimd.totals.answered)}`,
    `${lateFailures('aimd')} calls are sent into it, ${lateFailures('step')} by 'step', ${lateFailures('original')} by the original`,
    `in ${lowered('step')} and ${lowered('aimd')} intervals`,
    `${quota.aimd.totals.failed} refusals by the upstream instead of ${quota.original.totals.failed}`,
    `${latency('step')} ms with 'step' and ${latency('aimd')} ms with 'aimd', which are content below 500 ms, ${latency('gradient')} ms with 'gradient'`,
    `${own.aimd.totals.answered} calls, ${own.original.totals.answered} by the original`,
    `The original had grown to ${limitAt('burst', 'original', 45_000)}`,
  ]) expect(page).toContain(text);
  for (const name of names) expect(page).toContain(`](limiter/${name}.svg)`);
});
