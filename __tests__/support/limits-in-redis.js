'use strict';
// What a limit's key in Redis holds, read by plain commands, and what was admitted when, summed up by hand.

/** Permits booked, of all slices of a limit's hash: the fields that are times. */
async function booked(client, key) {
  const fields = Object.entries(await client.hgetall(key)).filter(([field]) => /^\d+$/.test(field));
  return fields.reduce((sum, [, permits]) => sum + Number(permits), 0);
}
/** The most that any window holds of admissions at those times. */
function fullest(times, windowMs) {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < sorted.length; last += 1) {
    while (sorted[first] + windowMs <= sorted[last]) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
async function eventually(what, holds) {
  const end = performance.now() + 60_000;
  for (;;) {
    const held = await holds();
    if (held) return held;
    if (performance.now() > end) throw new Error(`${what}: not within 60 s`);
    await pause(5);
  }
}
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** What one tells, by event. */
function listen(limiter) {
  const told = { degraded: [], recovered: 0 };
  limiter.on('degraded', (error) => told.degraded.push(error.code));
  limiter.on('recovered', () => (told.recovered += 1));
  return told;
}

module.exports = { booked, fullest, eventually, pause, listen };
