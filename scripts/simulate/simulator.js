'use strict';
// One limiter in front of one upstream that is made up, on a clock that is moved by hand: the real AdaptiveLimiter, by its public
// face. Used by the tests and by `npm run simulate:limiter`.
const { ManualClock } = require('./clock');
const { OriginalRule } = require('./original');
const { TICK_MS } = require('./scenarios');

const ALGORITHMS = ['step', 'aimd', 'gradient'];
const RULES = [...ALGORITHMS, 'original'];

/** `{ limiter, limit(), moves }` of an algorithm, or of the original rule, under a scenario's bounds. */
function limiterOf(AdaptiveLimiter, clock, rule, { start, min, max, intervalMs, windowMs = 0, maxQueue }) {
  if (rule === 'original') {
    const limiter = new OriginalRule(clock, { start, min, max, intervalMs, windowMs, maxQueue });
    return { limiter, limit: () => limiter.limit, moves: limiter.moves };
  }
  const limiter = new AdaptiveLimiter({
    ...(windowMs > 0 ? { limit: start, windowMs } : { limit: 0, concurrency: start }),
    adaptive: { algorithm: rule, minLimit: min, maxLimit: max, intervalMs },
    maxQueue,
    now: () => clock.now,
  });
  const moves = [];
  limiter.on('adjusted', (from, to, why) => moves.push([clock.now, from, to, why]));
  const limit = () => { const { maxRequests, concurrency } = limiter.getStatus(); return windowMs > 0 ? maxRequests : concurrency; };
  return { limiter, limit, moves };
}

/**
 * Runs a scenario: `arrivals(ms)` calls come each TICK_MS, or `callers` that call again as soon as they have ended;
 * `upstream()(ms, inFlight)` is `{ ms, status, retryAfterS }` of a call that starts then. Returns one sample for each `sampleMs`, the
 * moves of the limit, and totals.
 */
async function simulate(AdaptiveLimiter, rule, scenario) {
  const { endMs, sampleMs, arrivals, callers = 0, patienceMs } = scenario;
  const upstream = scenario.upstream();
  const clock = new ManualClock();
  const { limiter, limit, moves } = limiterOf(AdaptiveLimiter, clock, rule, scenario);
  const samples = [];
  const totals = { sent: 0, answered: 0, failed: 0, refused: 0, mostInFlight: 0 };
  const fresh = () => ({ answered: 0, failed: 0, refused: 0, latencyMs: 0, latencies: 0 });
  let current = fresh();
  let inFlight = 0;

  const work = () => {
    totals.sent += 1;
    inFlight += 1;
    totals.mostInFlight = Math.max(totals.mostInFlight, inFlight);
    const { ms, status = 200, retryAfterS } = upstream(clock.now, inFlight);
    return new Promise((resolve) => {
      clock.after(ms, () => {
        inFlight -= 1;
        current.latencyMs += ms;
        current.latencies += 1;
        resolve({ status, headers: retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) } });
      });
    });
  };
  const count = (name) => {
    current[name] += 1;
    totals[name] += 1;
  };
  const call = () => limiter.execute(work, patienceMs === undefined ? undefined : { timeoutMs: patienceMs })
    .then(({ status }) => count(status < 400 ? 'answered' : 'failed'), () => count('refused'));
  const caller = async () => {
    while (clock.now < endMs) await call();
  };
  const sample = () => {
    const { answered, failed, refused, latencyMs, latencies } = current;
      samples.push({ ms: clock.now, limit: limit(), answered, failed, refused, latencyMs: latencies === 0 ? null : latencyMs / latencies });
    current = fresh();
    if (clock.now < endMs) clock.after(sampleMs, sample);
  };
  await clock.run(endMs, () => {
    const arrive = () => {
      for (let left = arrivals(clock.now); left > 0; left -= 1) void call();
      if (clock.now < endMs) clock.after(TICK_MS, arrive);
    };
    for (let left = callers; left > 0; left -= 1) void caller();
    if (arrivals) clock.after(0, arrive);
    clock.after(sampleMs, sample);
  });
  if (rule !== 'original') void limiter.close();
  return { rule, samples, moves, totals };
}

module.exports = { ALGORITHMS, RULES, simulate };
