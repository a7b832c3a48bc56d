'use strict';
// One cache in a process or a thread of its own, told what to do by the test.
const { parentPort } = require('node:worker_threads');
const { setTimeout: sleep, setImmediate: turn } = require('node:timers/promises');
const { TieredCache } = require('../../../..');
const { Load } = require('./load');

// Processes of one machine agree on it, whatever their wall clocks say.
const now = () => Number(process.hrtime.bigint()) / 1e6;
let cache;
let load;
let reading;
const events = [];

const textOf = (key, number) => `${key}/${number}/${'x'.repeat((number * 37) % 3000)}`;
/** Whether a value is one that `write` gives that key; undefined where there is none. */
function isWhole(key, value) {
  if (value === null) return undefined;
  const [name, number] = String(value.text).split('/');
  return name === key && value.number === Number(number) && value.text === textOf(key, value.number);
}

const commands = {
  async open({ options, clockOffsetMs = 0 }) {
    cache = new TieredCache({ ...options, ...(clockOffsetMs && { now: () => Date.now() + clockOffsetMs }) });
    cache.on('degraded', (tier, error) => events.push({ event: 'degraded', tier, code: error.code }));
    cache.on('recovered', (tier) => events.push({ event: 'recovered', tier }));
    await cache.initialize();
    return cache.health();
  },
  call: ({ method, args = [] }) => cache[method](...args),
  events: () => events,

  startLoad(options) {
    load = new Load(cache, options);
  },
  mark: () => load.mark(),
  measured: (range) => load.measured(range),
  stopLoad: () => load.stop(),

  /** Many callers of one key at once; what their loader and they saw. */
  async stampede({ key, callers, loadMs, value, ttl = 60 }) {
    let loads = 0;
    const loader = async () => {
      loads += 1;
      port.send({ note: 'loading' });
      await sleep(loadMs);
      return value;
    };
    const start = now();
    const got = await Promise.all(Array.from({ length: callers }, () => cache.getOrSet(key, loader, ttl)));
    return { loads, values: [...new Set(got)], ms: now() - start };
  },

  /** Sets a number that grows and deletes a key, in turn; the times at which each set and each delete had been made. */
  async change({ changes, paceMs }) {
    const made = { sets: [], deletes: [] };
    for (let at = 0; at < changes / 2; at += 1) {
      await cache.set('number', at, 600);
      made.sets.push(now());
      await sleep(paceMs);
      await cache.delete(`key${at}`);
      made.deletes.push(now());
      await sleep(paceMs);
    }
    return made;
  },
  /** Reads until the last change is seen: the times of the first reads that knew each set and each delete. */
  async watch({ changes, limitMs }) {
    const seen = { sets: [], deletes: [] };
    const deadline = now() + limitMs;
    const half = changes / 2;
    while ((seen.sets.length < half || seen.deletes.length < half) && now() < deadline) {
      const number = (await cache.get('number')) ?? -1;
      const at = now();
      while (seen.sets.length <= number) seen.sets.push(at);
      const { length } = seen.deletes;
      if (length < half && (await cache.get(`key${length}`)) === null) seen.deletes.push(now());
      else await turn();
    }
    return seen;
  },

  /** Sets every key once, and waits until that is on disk. */
  async fill({ keys }) {
    for (let number = 0; number < keys; number += 1) await cache.set(`k${number}`, { number, text: textOf(`k${number}`, number) }, 3600);
    await cache.delete('no such key');
  },
  /** Writes until it is killed. */
  async write({ keys }) {
    for (let number = 1; ; number += 1) {
      const key = `k${number % keys}`;
      cache.set(key, { number, text: textOf(key, number) }, 600);
      if (number % 7 === 0) cache.delete(`k${(number * 13) % keys}`);
      if (number % 50 === 0) await turn();
    }
  },
  /** Reads keys all the time, and checks that what comes is what was written for them. */
  startReading({ keys }) {
    const seen = { reads: 0, whole: 0, wrong: 0, errors: [] };
    let going = true;
    const done = (async () => {
      while (going) {
        const key = `k${seen.reads % keys}`;
        try {
          const whole = isWhole(key, await cache.get(key, { skipL1: true }));
          if (whole === true) seen.whole += 1;
          if (whole === false) seen.wrong += 1;
        } catch (error) {
          seen.errors.push(error.message);
        }
        seen.reads += 1;
        await turn();
      }
      return seen;
    })();
    reading = () => ((going = false), done);
  },
  stopReading: () => reading(),
  /** The keys whose value is not what was written for them, and how many have one. */
  async audit({ keys }) {
    const wrong = [];
    let whole = 0;
    for (let at = 0; at < keys; at += 1) {
      const is = isWhole(`k${at}`, await cache.get(`k${at}`));
      if (is === false) wrong.push(`k${at}`);
      whole += is === true;
    }
    return { wrong, whole };
  },
};

const port = parentPort
  ? { send: (message) => parentPort.postMessage(message), on: (listener) => parentPort.on('message', listener) }
  : { send: (message) => process.send(message), on: (listener) => process.on('message', listener) };

port.on(async ({ id, command, ...args }) => {
  try {
    port.send({ id, result: await commands[command](args) });
  } catch (error) {
    port.send({ id, error: { code: error.code, message: error.message, stack: error.stack } });
  }
});
if (!parentPort) process.on('disconnect', () => process.exit());
port.send({ note: 'ready' });
