'use strict';
// What the limiters are put through. Each scenario is a function of the clock alone, so that every run is the same.

/** Seven of them: 10 calls at once to begin with, 2 to 30, one move a second; 150 callers wait at most, none for more than a second. */
const work = { start: 10, min: 2, max: 30, intervalMs: 1000, sampleMs: 1000, maxQueue: 150, patienceMs: 1000, limits: 'calls at once' };
const SERVICE_MS = 50;
/** Calls come each so many milliseconds. */
const TICK_MS = 5;
/** So many calls a second, spread evenly. */
const evenly = (perSecond) => (ms) => Math.floor(((ms + TICK_MS) * perSecond) / 1000) - Math.floor((ms * perSecond) / 1000);
const [LITTLE, MUCH] = [evenly(120), evenly(640)];
const between = (from, until, inside, outside) => (ms) => (ms >= from && ms < until ? inside : outside);

/** `upstream()` makes the upstream of one run; `answered` and the like are said in calls for each second, but where `perSample`. */
const SCENARIOS = {
  fast: {
    ...work,
    title: 'Healthy and fast',
    about: '120 calls a second of 50 ms each: 6 in flight',
    endMs: 60_000,
    arrivals: LITTLE,
    upstream: () => () => ({ ms: SERVICE_MS }),
  },
  saturated: {
    ...work,
    title: 'Healthy and saturated',
    about: '640 calls a second, each answered in 50 ms however many come',
    endMs: 60_000,
    arrivals: MUCH,
    upstream: () => () => ({ ms: SERVICE_MS }),
  },
  creep: {
    ...work,
    title: 'Slow creep',
    about: '400 calls a second; from second 20 to 80 each takes longer, from 50 ms to 1 s',
    endMs: 90_000,
    arrivals: evenly(400),
    upstream: () => (ms) => ({ ms: Math.round(SERVICE_MS + 950 * Math.min(1, Math.max(0, (ms - 20_000) / 60_000))) }),
  },
  outage: {
    ...work,
    title: 'Total outage and recovery',
    about: '640 calls a second; from second 20 to 40 every one fails, after 30 ms',
    endMs: 90_000,
    arrivals: MUCH,
    upstream: () => (ms) => (ms >= 20_000 && ms < 40_000 ? { ms: 30, status: 500 } : { ms: SERVICE_MS }),
  },
  'retry-after': {
    ...work,
    title: '429 with Retry-After',
    about: '120 calls a second; from second 20 to 40 the upstream takes 100 in each 2 s and refuses the rest',
    endMs: 60_000,
    arrivals: LITTLE,
    upstream() {
      let [span, used] = [-1, 0];
      return (ms) => {
        if (ms < 20_000 || ms >= 40_000) return { ms: SERVICE_MS };
        if (Math.floor(ms / 2000) !== span) [span, used] = [Math.floor(ms / 2000), 0];
        used += 1;
        return used <= 100 ? { ms: SERVICE_MS } : { ms: 5, status: 429, retryAfterS: Math.ceil((2000 - (ms % 2000)) / 1000) };
      };
    },
  },
  burst: {
    ...work,
    title: 'A burst after idleness',
    about: '120 calls a second, none from second 15 to 45, then 600 within 100 ms',
    endMs: 60_000,
    arrivals: (ms) => (ms < 15_000 ? LITTLE(ms) : between(45_000, 45_100, 6 * TICK_MS, 0)(ms)),
    upstream: () => () => ({ ms: SERVICE_MS }),
  },
  capacity: {
    ...work,
    max: 60,
    intervalMs: 250,
    title: 'A step in capacity, with four moves a second',
    about: '640 calls a second; room for 20 at once, for 3 from second 30 to 90; more of them share it',
    endMs: 120_000,
    arrivals: MUCH,
    upstream: () => (ms, inFlight) => {
      const capacity = between(30_000, 90_000, 3, 20)(ms);
      return { ms: Math.round((SERVICE_MS * Math.max(inFlight, capacity)) / capacity) };
    },
  },
  window: {
    title: 'The services\u2019 own setting',
    about: '5 calls a minute to begin with, 3 to 10; ten callers without a pause; each call answered in 20 ms',
    rules: ['step', 'aimd', 'original'],
    start: 5,
    min: 3,
    max: 10,
    intervalMs: 60_000,
    windowMs: 60_000,
    sampleMs: 60_000,
    perSample: 'a minute',
    limits: 'calls a minute',
    maxQueue: 100,
    endMs: 3_600_000,
    callers: 10,
    upstream: () => () => ({ ms: 20 }),
  },
};

module.exports = { SCENARIOS, TICK_MS };
