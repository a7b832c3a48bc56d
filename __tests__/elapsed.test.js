'use strict';
// Elapsed time: which clock rules, and what a change of clocks does.
const { Elapsed, aheadOf, dateMoment } = require('../lib/elapsed');

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

test('it begins at 0 and goes on with the real clock', async () => {
  const clock = new Elapsed();
  const start = performance.now();
  const first = clock.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const passed = clock.now() - first;
  expect(first).toBeLessThan(5_000);
  expect(passed).toBeGreaterThanOrEqual(15);
  expect(passed).toBeLessThanOrEqual(performance.now() - start);
});

test('fake timers rule, from the beginning or from later on', () => {
  const before = new Elapsed();
  jest.useFakeTimers();
  const inside = new Elapsed();
  const [old, young] = [before.now(), inside.now()];
  expect(young).toBe(0);
  jest.advanceTimersByTime(12_345);
  expect(inside.now()).toBe(12_345);
  expect(before.now() - old).toBeCloseTo(12_345, 6);
});

test('a wall clock that is stepped by the system is not heard; one that a test has replaced is', () => {
  const clock = new Elapsed();
  const at = clock.now();
  const real = Date.now();
  const spy = jest.spyOn(Date, 'now').mockReturnValue(real + 60_000);
  const after = clock.now();
  expect(after - at).toBeGreaterThan(59_000);
  expect(after - at).toBeLessThan(70_000);
  // back: no time passes, and none is lost
  spy.mockReturnValue(real - 60_000);
  expect(clock.now()).toBe(after);
  spy.mockReturnValue(real - 59_990);
  expect(clock.now()).toBe(after + 10);
});

test('a fake that is behind the real clock takes nothing back', () => {
  const clock = new Elapsed();
  const at = clock.now();
  jest.useFakeTimers({ now: 0 });
  const after = clock.now();
  expect(after).toBeGreaterThanOrEqual(at);
  expect(after - at).toBeLessThan(5_000);
  jest.advanceTimersByTime(100);
  expect(clock.now() - after).toBeCloseTo(100, 6);
});

test('when the real clock rules again, what the fake one was ahead stays', () => {
  const clock = new Elapsed();
  jest.useFakeTimers();
  jest.advanceTimersByTime(50_000);
  const ahead = clock.now();
  // a fake date begins at a whole millisecond
  expect(ahead).toBeGreaterThan(49_999);
  jest.useRealTimers();
  const back = clock.now();
  expect(back).toBeGreaterThanOrEqual(ahead);
  expect(back - ahead).toBeLessThan(5_000);
});

test('what the real clock has gone on under a frozen one counts when it rules again', async () => {
  const clock = new Elapsed();
  const at = clock.now();
  const spy = jest.spyOn(Date, 'now').mockReturnValue(0);
  const frozen = clock.now();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(clock.now()).toBe(frozen);
  spy.mockRestore();
  expect(clock.now() - at).toBeGreaterThanOrEqual(25);
});

test('a replaced performance.now alone rules too', () => {
  const clock = new Elapsed();
  const at = clock.now();
  const real = performance.now.bind(performance);
  const spy = jest.spyOn(performance, 'now').mockImplementation(() => real() + 5_000);
  expect(clock.now() - at).toBeGreaterThanOrEqual(5_000);
  spy.mockImplementation(() => 7);
  const rebased = clock.now();
  spy.mockImplementation(() => 17);
  expect(clock.now()).toBe(rebased + 10);
});

test('a clock that was given rules over all others', () => {
  let now = 1_000;
  const clock = new Elapsed(() => now);
  jest.useFakeTimers();
  jest.advanceTimersByTime(5_000);
  expect(clock.now()).toBe(0);
  now += 7;
  expect([clock.now(), clock.moment()]).toEqual([7, 7]);
  now -= 500;
  expect(clock.now()).toBe(7);
  now += 3;
  expect(clock.now()).toBe(10);
  now = NaN;
  expect(clock.now()).toBe(10);
});

test('a timer that has fired is time that has passed, though its fake moves no clock', () => {
  jest.useFakeTimers({ legacyFakeTimers: true });
  const clock = new Elapsed(() => 0);
  clock.reach(100);
  expect(clock.now()).toBe(100);
  clock.reach(50);
  expect(clock.now()).toBe(100);
});

test('moments of the real clock are the same within one run, and later in the next', async () => {
  const clock = new Elapsed();
  const first = clock.moment();
  const until = performance.now() + 5;
  while (performance.now() < until);
  expect(clock.moment()).toBe(first);
  expect(clock.now()).toBeGreaterThanOrEqual(first + 5);
  // what was read exactly is not taken back
  expect(clock.moment()).toBeGreaterThanOrEqual(first + 5);
  await null;
  await null;
  expect(clock.moment()).toBeGreaterThanOrEqual(first + 5);
});

test('moments of a fake clock are exact', () => {
  jest.useFakeTimers();
  const clock = new Elapsed();
  const first = clock.moment();
  jest.advanceTimersByTime(3);
  expect(clock.moment()).toBe(first + 3);
});

test('the date of one run is one date, and later in the next', async () => {
  const first = dateMoment();
  expect(Math.abs(first - Date.now())).toBeLessThan(1000);
  const until = performance.now() + 5;
  while (performance.now() < until);
  expect(dateMoment()).toBe(first);
  await null;
  await null;
  expect(dateMoment()).toBeGreaterThanOrEqual(first + 4);
});

test('a date that is fake or spied upon is exact', () => {
  dateMoment();
  const spy = jest.spyOn(Date, 'now').mockReturnValueOnce(17).mockReturnValueOnce(18);
  expect([dateMoment(), dateMoment()]).toEqual([17, 18]);
  spy.mockRestore();
  jest.useFakeTimers({ now: 5000 });
  expect(dateMoment()).toBe(5000);
  jest.setSystemTime(6000);
  expect(dateMoment()).toBe(6000);
  jest.useRealTimers();
  expect(dateMoment()).toBeGreaterThan(6000);
});

test('what one clock is ahead of another is known however often something comes between two readings', () => {
  let ms = 0;
  const held = [40, 0.001, 7, 3, 0.002, 0.001, 500];
  const first = () => (ms += held.shift() ?? 0.001) + 1000;
  const second = () => (ms += held.shift() ?? 0.001);
  expect(aheadOf(first, second)).toBeCloseTo(1000, 1);
  // a clock of whole milliseconds that stands still
  expect(aheadOf(() => 12.75, () => 5)).toBe(7.75);
  // held up each time: by no more than the shortest of them
  let step = 64;
  const slow = (ahead) => () => (ms += step = Math.max(step / 2, 1)) + ahead;
  const found = aheadOf(slow(50), slow(0));
  expect(Math.abs(found - 50)).toBeLessThanOrEqual(1);
});
