'use strict';
// Deadlines, breaker and catching up of calls to an application's client, in native time.
const native = require('../../lib/native');
const { ClientCalls } = require('../../lib/cache/client-calls');
const { runChild } = require('../child');
const { until } = require('../support/loopback');

const TIMEOUT_MS = 50;
const never = () => new Promise(() => {});
const settled = (promise) => promise.then((value) => ['ok', value], (error) => ['failed', error.code ?? error.message]);

function watched({ failures = 5, probeMs = 30, answers = () => true } = {}) {
  const told = [];
  const caught = [];
  const calls = new ClientCalls({ failures, probeMs, timeoutMs: TIMEOUT_MS }, {
    probe: async () => {
      if (!answers()) throw new Error('still away');
    },
    catchUp: async (owed, run) => void (await run(async () => void caught.push(owed))),
    down: (error) => told.push(['down', error.code ?? error.message]),
    up: () => told.push(['up']),
  });
  return { calls, told, caught };
}

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

test('a call that is answered settles in microtasks, and leaves no timer of JavaScript', async () => {
  jest.useFakeTimers();
  const { calls } = watched();
  expect(await calls.run(async () => 7)).toBe(7);
  expect(await calls.run(() => 8)).toBe(8);
  await expect(calls.run(() => { throw new TypeError('odd'); })).rejects.toThrow('odd');
  expect(jest.getTimerCount()).toBe(0);
});

test('a call without an answer fails at its deadline, even when all clocks and timers are fake', async () => {
  const start = process.hrtime.bigint();
  jest.useFakeTimers({ now: 0 });
  const { calls } = watched();
  expect(await settled(calls.run(never))).toEqual(['failed', 'ERR_REDIS']);
  jest.useRealTimers();
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  expect(ms).toBeGreaterThanOrEqual(TIMEOUT_MS - 1);
  expect(ms).toBeLessThan(TIMEOUT_MS * 100);
});

test('one native timer serves all calls that are pending, and none is armed while nothing waits', async () => {
  const after = jest.spyOn(native, 'clientAfter');
  const { calls } = watched({ failures: 1000 });
  const late = Array.from({ length: 100 }, () => settled(calls.run(never)));
  expect(after).toHaveBeenCalledTimes(1);
  await Promise.all(late);
  const once = after.mock.calls.length;
  expect(once).toBeLessThan(5);
  await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS * 3));
  expect(after).toHaveBeenCalledTimes(once);
});

test('each call has its own deadline', async () => {
  const { calls } = watched();
  const ended = [];
  const call = (name) => settled(calls.run(never)).then(() => ended.push([name, performance.now()]));
  const first = call('first');
  await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS / 2));
  const start = performance.now();
  const second = call('second');
  await Promise.all([first, second]);
  expect(ended.map(([name]) => name)).toEqual(['first', 'second']);
  expect(ended[1][1] - start).toBeGreaterThanOrEqual(TIMEOUT_MS - 2);
});

test('five failures in a row: it is left alone, told once; when a probe is answered it is back, told once', async () => {
  let answers = false;
  const { calls, told } = watched({ answers: () => answers });
  for (let at = 0; at < 4; at += 1) await settled(calls.run(async () => { throw new Error('gone'); }));
  expect([calls.up, told]).toEqual([true, []]);
  await calls.run(async () => 1);
  for (let at = 0; at < 5; at += 1) await settled(calls.run(async () => { throw new Error('gone'); }));
  expect([calls.up, told]).toEqual([false, [['down', 'gone']]]);
  const asked = jest.fn(never);
  // before any timer or answer could
  const turn = new Promise((resolve) => setImmediate(resolve, 'a turn of the loop'));
  expect(await Promise.race([settled(calls.run(asked)), turn])).toEqual(['failed', 'gone']);
  expect(asked).not.toHaveBeenCalled();
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(calls.up).toBe(false);
  answers = true;
  await until(() => calls.up);
  expect(told).toEqual([['down', 'gone'], ['up']]);
  expect(await calls.run(async () => 2)).toBe(2);
});

test('a client that never answers is left alone after five calls', async () => {
  const { calls, told } = watched({ answers: () => false });
  const late = Array.from({ length: 64 }, () => settled(calls.run(never)));
  expect((await Promise.all(late)).every(([how]) => how === 'failed')).toBe(true);
  expect(told).toEqual([['down', 'ERR_REDIS']]);
  await calls.close();
});

test("a server's refusal of one command is an answer", async () => {
  const { calls, told } = watched();
  for (const text of ['WRONGTYPE Operation', 'ERR unknown command', 'NOSCRIPT No matching', 'CROSSSLOT Keys', 'ERR x', 'ERR y']) {
    await settled(calls.run(async () => { throw new Error(text); }));
  }
  expect([calls.up, told]).toEqual([true, []]);
  for (const text of ['LOADING Redis', 'READONLY You', 'CLUSTERDOWN The', 'MASTERDOWN Link', 'Connection is closed.']) {
    await settled(calls.run(async () => { throw new Error(text); }));
  }
  expect(calls.up).toBe(false);
  await calls.close();
});

test('an answer that comes late is nobody\'s', async () => {
  const { calls } = watched();
  let answer;
  const late = calls.run(() => new Promise((resolve) => (answer = resolve)));
  expect(await settled(late)).toEqual(['failed', 'ERR_REDIS']);
  answer('late');
  await Promise.resolve();
  expect(await settled(late)).toEqual(['failed', 'ERR_REDIS']);
});

test('what was missed is distrusted, and told before anything is asked again', async () => {
  let answers = false;
  const { calls, told, caught } = watched({ answers: () => answers });
  for (let at = 0; at < 5; at += 1) await settled(calls.run(async () => { throw new Error('gone'); }));
  calls.missed('ka');
  calls.missed('guser:*');
  expect([calls.distrusts('a'), calls.distrusts('user:1'), calls.distrusts('b')]).toEqual([true, true, false]);
  answers = true;
  await until(() => calls.up);
  expect(caught.flat().sort()).toEqual(['guser:*', 'ka']);
  expect([calls.distrusts('a'), told.at(-1)]).toEqual([false, ['up']]);
});

test('a change that one call could not tell is told after the next call that is answered', async () => {
  const { calls, caught } = watched();
  await settled(calls.run(async () => { throw new Error('gone'); }));
  calls.missed('ka');
  calls.missed('kb');
  calls.writes.ended(['b'], calls.writes.begin(['b']), true); // a later write of it has arrived
  await calls.run(async () => 1);
  await until(() => caught.length > 0);
  expect(caught).toEqual([['ka']]);
  await until(() => !calls.distrusts('a'));
});

test('what cannot be told is kept until it can', async () => {
  let fails = true;
  const caught = [];
  const calls = new ClientCalls({ failures: 5, probeMs: 20, timeoutMs: TIMEOUT_MS }, {
    probe: async () => 'PONG',
    catchUp: async (owed, run) => {
      await run(async () => {
        if (fails) throw new Error('gone again');
        caught.push(...owed);
      });
    },
    down: () => {},
    up: () => {},
  });
  calls.missed('ka');
  for (let at = 0; at < 5; at += 1) await settled(calls.run(async () => { throw new Error('gone'); }));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([calls.up, calls.distrusts('a')]).toEqual([false, true]);
  fails = false;
  await until(() => calls.up);
  expect(caught).toEqual(['ka']);
});

test('without a breaker no failure leaves it alone', async () => {
  const { calls, told } = watched({ failures: 0 });
  for (let at = 0; at < 50; at += 1) await settled(calls.run(async () => { throw new Error('gone'); }));
  expect([calls.up, told]).toEqual([true, []]);
});

const program = (body) => `
  const { ClientCalls } = require('./lib/cache/client-calls.js');
  const calls = new ClientCalls({ failures: 1, probeMs: 10, timeoutMs: 200 }, { probe: () => Promise.reject(new Error('no')), catchUp() {}, down() {}, up() {} });
  ${body}`;
const env = { NAPI_RS_NATIVE_LIBRARY_PATH: '' };

test('a pending call keeps the process until its deadline; probes and idle calls do not', async () => {
  const pending = await runChild(program(`calls.run(() => new Promise(() => {})).catch((error) => console.log(error.code));`), { env });
  expect([pending.code, pending.out.trim()]).toEqual([0, 'ERR_REDIS']);
  expect(pending.ms).toBeLessThan(10_000);
  const idle = await runChild(program(`calls.run(async () => 1).then(console.log);`), { env });
  expect([idle.code, idle.out.trim()]).toEqual([0, '1']);
});
