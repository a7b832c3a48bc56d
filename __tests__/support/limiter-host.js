'use strict';
// A process that spends limits which it shares with others, as fast as it may, and writes down when: what `hosts.js` starts.
// All times are those of CLOCK_MONOTONIC, which all processes of a machine share.
const { openSync, writeSync } = require('node:fs');

const { file, redis, limiters, clockShiftMs } = JSON.parse(process.argv[2]);
// before anything of ours is loaded: this host's clock is another one
if (clockShiftMs) {
  const real = Date.now;
  Date.now = () => real() + clockShiftMs;
}
const { AdaptiveLimiter, KeyedLimiter } = require('../../index.js');
const { Cluster, Redis } = require('ioredis');
const { createClient, createCluster } = require('redis');
const { EVENTS, FIELDS } = require('./hosts-record');

const micros = () => Number(process.hrtime.bigint() / 1000n);
const out = openSync(file, 'a');
let notes = [];
/** What was admitted, or an event's number below zero: not before `from` and not after `to`. */
const note = (limiter, key, weight, from, to) => notes.push(limiter, key, weight, from, to);
function write() {
  if (notes.length === 0) return;
  writeSync(out, new Uint8Array(Float64Array.from(notes).buffer));
  notes = [];
}
/** An acquire ends in the turn in which it is granted, but when that was cannot be seen from outside. */
const UNSEEN_MICROS = 100_000;

const addresses = (urls) => urls.map((url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }));
async function redisOf({ how, urls, ...rest }) {
  const quiet = (client) => client.on('error', () => {});
  switch (how) {
    case 'own': return { url: urls, ...rest };
    case 'ioredis': return { client: quiet(new Redis(addresses(urls)[0])), ...rest };
    case 'ioredis Cluster': return { client: quiet(new Cluster(addresses(urls))), ...rest };
    case 'node-redis': {
      const client = quiet(createClient({ url: urls[0], socket: { reconnectStrategy: 50 } }));
      await client.connect();
      return { client, ...rest };
    }
    default: {
      const client = quiet(createCluster({ rootNodes: urls.map((url) => ({ url })) }));
      await client.connect();
      return { client, ...rest };
    }
  }
}

/** One look at a limiter: takes all that it gives, at most so many. */
const spends = {
  keyed(limiter, at, { keys, most = 50 }) {
    keys.forEach((key, index) => {
      for (let count = 0; count < most; count += 1) {
        const from = micros();
        if (!limiter.checkLimit(key)) break;
        note(at, index, 1, from, micros());
      }
    });
  },
  weights(limiter, at, { keys, most = 50 }) {
    keys.forEach((key, index) => {
      for (let count = 0; count < most; count += 1) {
        const weight = 1 + (count % 3);
        const from = micros();
        if (!limiter.check(key, { weight }).allowed) break;
        note(at, index, weight, from, micros());
      }
    });
  },
  consume(limiter, at, { keys }) {
    if (limiter.isBusy) return;
    limiter.isBusy = true;
    const one = async (key, index) => {
      const { allowed } = await limiter.consume(key);
      const to = micros();
      if (allowed) note(at, index, 1, to - UNSEEN_MICROS, to);
    };
    Promise.all(keys.flatMap((key, index) => Array.from({ length: 5 }, () => one(key, index)))).then(() => {
      limiter.isBusy = false;
    }, (error) => {
      // those that wait when it closes
      if (error.code !== 'ERR_CLOSED') throw error;
    });
  },
  adaptive(limiter, at, { most = 50 }) {
    for (let count = 0; count < most; count += 1) {
      const from = micros();
      if (!limiter.tryAcquire()) break;
      note(at, 0, 1, from, micros());
    }
  },
  acquire(limiter, at, { waiters = 3 }) {
    limiter.waiters ??= 0;
    while (limiter.waiters < waiters) {
      limiter.waiters += 1;
      limiter.acquire().then(() => {
        const to = micros();
        limiter.waiters -= 1;
        note(at, 0, 1, to - UNSEEN_MICROS, to);
      }, () => {});
    }
  },
};

(async () => {
  const made = [];
  for (const [at, { spend, options }] of limiters.entries()) {
    const Limiter = spend === 'adaptive' || spend === 'acquire' ? AdaptiveLimiter : KeyedLimiter;
    const limiter = new Limiter({ ...options, redis: await redisOf(redis) });
    EVENTS.forEach((event, index) => limiter.on(event, () => note(at, 0, -1 - index, micros(), micros())));
    made.push(limiter);
  }
  let isSpending = false;
  const turn = () => {
    if (!isSpending) return;
    made.forEach((limiter, at) => spends[limiters[at].spend](limiter, at, limiters[at]));
    write();
    setTimeout(turn, 1);
  };
  process.on('message', async (what) => {
    if (what === 'stop') {
      isSpending = false;
      await Promise.all(made.map((limiter) => limiter.close()));
      write();
      process.exit(0);
    }
    const wasSpending = isSpending;
    isSpending = what === 'spend';
    if (isSpending && !wasSpending) turn();
  });
  // whoever started it has ended without a word
  process.on('disconnect', () => process.exit(1));
  process.send(FIELDS);
})();
