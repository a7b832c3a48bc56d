'use strict';
// What a limit's key in Redis holds, read by plain commands, and what was admitted when, summed up by hand.
const { fullest } = require('./hosts');

/** Permits booked, of all slices of a limit's hash: the fields that are times. */
async function booked(client, key) {
  const fields = Object.entries(await client.hgetall(key)).filter(([field]) => /^\d+$/.test(field));
  return fields.reduce((sum, [, permits]) => sum + Number(permits), 0);
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

/** Microseconds of the clock that `fullest` counts by. */
const micros = () => performance.now() * 1000;

module.exports = { booked, fullest, micros, eventually, pause, listen };
