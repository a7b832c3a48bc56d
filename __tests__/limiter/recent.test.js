'use strict';
// The time for who asks thousands of times a second: never earlier than the clock says, at most 10 ms later, and read anew often.
const native = require('../../lib/native');
const { Elapsed } = require('../../lib/elapsed');
const { Recent } = require('../../lib/limiter/recent');

/** A clock whose readings are counted. */
class Counted {
  readings = 0;
  isReal = true;
  ms = 0;
  now() {
    this.readings += 1;
    return this.ms;
  }
}
/** Asks until the rounds are written. */
function warm(recent) {
  const began = performance.now();
  while (performance.now() - began < 50) recent.now();
}

test('a burst is served from few readings, never early, at most 10 ms late; one reading serves at most 65', () => {
  const clock = new Counted();
  const recent = new Recent(clock, true);
  warm(recent);
  clock.readings = 0;
  for (let at = 0; at < 6400; at += 1) {
    clock.ms = at / 1000;
    const said = recent.now();
    expect(said).toBeGreaterThanOrEqual(clock.ms);
    expect(said).toBeLessThanOrEqual(clock.ms + 10);
  }
  expect(clock.readings).toBeGreaterThanOrEqual(6400 / 65 - 1);
  expect(clock.readings).toBeLessThan(6400 / 4);
});

test.each([
  ['it is off: windows for which 10 ms are much', (clock, recent) => { recent.isOn = false; }],
  ['another clock rules', (clock) => { clock.isReal = false; }],
])('each answer is a reading while %s', (_, change) => {
  const clock = new Counted();
  const recent = new Recent(clock, true);
  warm(recent);
  change(clock, recent);
  // what was read before serves its 64 answers
  for (let at = 0; at < 64; at += 1) recent.now();
  for (let at = 1; at < 500; at += 1) {
    clock.ms = at;
    expect(recent.now()).toBe(at);
  }
});

test('a replaced Date.now is heard at once', () => {
  const recent = new Recent(new Elapsed(), true);
  warm(recent);
  const before = recent.now();
  const real = Date.now;
  const spy = jest.spyOn(Date, 'now').mockImplementation(() => real() + 3_600_000);
  try {
    expect(recent.now()).toBeGreaterThan(before + 3_500_000);
  } finally {
    spy.mockRestore();
  }
});

test('who asks now and then has nothing written for it, and reads each time', () => {
  const wake = jest.spyOn(native, 'clockWake');
  try {
    const clock = new Counted();
    const recent = new Recent(clock, true);
    for (let at = 0; at < 40; at += 1) {
      clock.ms = at * 20;
      recent.now();
    }
    expect(wake).not.toHaveBeenCalled();
  } finally {
    wake.mockRestore();
  }
});
