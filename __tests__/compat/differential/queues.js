'use strict';
// QstashQueue, LocalBufferQueue and BatchProcessor.
const fs = require('node:fs');
const path = require('node:path');
const RedisMock = require('ioredis-mock');
const { always, attempt, list, never, outcome, pass, pick, range, turns } = require('./world');

const TOPIC = 'https://worker.example/upload';
const refused = () => Object.assign(new Error('bad request'), { status: 400 });

/** A client that answers each message by its content, after so long. */
function client({ batches = false, latency = 0, answer = ({ n }) => ({ messageId: `m${n}` }) } = {}) {
  const calls = { count: 0, messages: 0 };
  const wait = () => (latency > 0 ? new Promise((resolve) => setTimeout(resolve, latency)) : Promise.resolve());
  const one = async ({ body }) => {
    const said = await answer(typeof body === 'string' ? JSON.parse(body) : body);
    calls.messages += 1;
    return said;
  };
  const publishJSON = async (message) => {
    calls.count += 1;
    await wait();
    return one(message);
  };
  const batchJSON = async (messages) => {
    calls.count += 1;
    await wait();
    return Promise.all(messages.map(one));
  };
  return { calls, given: { publishJSON, ...(batches && { batchJSON }) } };
}
async function queue({ QstashQueue }, world, options) {
  const made = new QstashQueue({ batchSize: 10, batchTimeout: 100, wait: true, ...options });
  await world.call(made.initialize());
  return made;
}
const publish = (made, n, world) => outcome(world.call(made.publish(TOPIC, { n })));

const qstash = [
  {
    plan: (random) => ({ batchSize: range(random, 1, 6), calls: list(15, () => pick(random, ['publish', 'publish', 'publish', 'status', 'flush', 'pass', 'pass'])) }),
    shows: never,
    async run(classes, { batchSize, calls }, world) {
      const { given } = client();
      const made = await queue(classes, world, { client: given, batchSize });
      const published = [];
      const seen = [];
      for (const call of calls) {
        if (call === 'publish') published.push(publish(made, published.length, world));
        else if (call === 'flush') await world.call(made.flush());
        else if (call === 'pass') await pass(60);
        await turns(1);
        const { size, hasActiveTimer } = world.call(made.getBufferStatus());
        seen.push([size, hasActiveTimer]);
      }
      await world.call(made.close());
      return [...seen, await Promise.all(published)];
    },
  },
  {
    defect: 'Ten calls for ten messages',
    plan: (random) => ({ count: range(random, 1, 10) }),
    shows: ({ count }) => count > 1,
    async run(classes, { count }, world) {
      const { calls, given } = client({ batches: true });
      const made = await queue(classes, world, { client: given });
      const published = list(count, (n) => publish(made, n, world));
      await pass(200);
      await world.call(made.close());
      return [await Promise.all(published), calls.count];
    },
  },
  {
    defect: 'Awaited one by one, batches never fill',
    plan: (random) => ({ wait: random() < 0.4 }),
    shows: ({ wait }) => !wait,
    async run(classes, { wait }, world) {
      const { given } = client();
      const made = await queue(classes, world, { client: given, wait });
      let isSettled = false;
      publish(made, 1, world).then(() => (isSettled = true));
      await turns(3);
      const accepted = isSettled;
      await pass(200);
      await world.call(made.close());
      return accepted;
    },
  },
  {
    defect: 'Equal messages swallowed',
    plan: (random) => ({ numbers: [1, pick(random, [1, 2])] }),
    shows: ({ numbers: [first, second] }) => first === second,
    async run(classes, { numbers }, world) {
      const { calls, given } = client();
      const made = await queue(classes, world, { client: given });
      for (const n of numbers) publish(made, n, world);
      await pass(200);
      await world.call(made.close());
      return calls.messages;
    },
  },
  {
    defect: 'Claimed before it was sent',
    plan: () => ({}),
    shows: always,
    async run(classes, plan, world) {
      const redis = new RedisMock({ host: 'claims' });
      world.last(() => redis.disconnect());
      await redis.flushall();
      const { given } = client({ latency: 1000 });
      const made = await queue(classes, world, { client: given, redis, useIdempotency: true });
      let isSettled = false;
      publish(made, 1, world).then(() => (isSettled = true));
      for (let at = 0; (await redis.keys('*')).length === 0 && at < 100; at += 1) await turns(1);
      const [key] = await redis.keys('*');
      const left = await redis.ttl(key);
      for (let at = 0; !isSettled && at < 50; at += 1) {
        await pass(100);
        await turns(5);
      }
      await world.call(made.close());
      return [isSettled, left > 60];
    },
  },
  {
    defect: 'Retries by digits in a text',
    plan: (random) => ({ text: pick(random, ['timed out after 450 ms', 'socket hang up', 'reset by 10.0.0.1']) }),
    shows: ({ text }) => text.includes('450'),
    async run(classes, { text }, world) {
      let tries = 0;
      const { given } = client({ answer: ({ n }) => ((tries += 1) === 1 ? Promise.reject(new Error(text)) : { messageId: `m${n}` }) });
      const made = await queue(classes, world, { client: given });
      const published = publish(made, 1, world);
      await pass(2000);
      await world.call(made.close());
      return published;
    },
  },
  {
    defect: 'One bad message fails its batch',
    plan: (random) => ({ count: range(random, 1, 5) }),
    shows: ({ count }) => count > 1,
    async run(classes, { count }, world) {
      const { given } = client({ answer: ({ n }) => (n === 0 ? Promise.reject(refused()) : { messageId: `m${n}` }) });
      const made = await queue(classes, world, { client: given });
      const published = list(count, (n) => publish(made, n, world));
      await pass(2000);
      await world.call(made.close());
      return Promise.all(published);
    },
  },
  {
    defect: 'One failure, two dead letters',
    plan: (random) => ({ fails: random() < 0.7 }),
    shows: ({ fails }) => fails,
    async run(classes, { fails }, world) {
      const { given } = client({ answer: () => (fails ? Promise.reject(refused()) : { messageId: 'm' }) });
      const made = await queue(classes, world, { client: given, batchSize: 1 });
      publish(made, 1, world);
      await pass(2000);
      const letters = await world.call(made.getDeadLetterQueue());
      await world.call(made.close());
      return letters.length;
    },
  },
  {
    defect: 'Full drops what was accepted',
    plan: (random) => ({ count: range(random, 8, 14) }),
    shows: ({ count }) => count > 10,
    async run(classes, { count }, world) {
      const { calls, given } = client();
      const made = await queue(classes, world, { client: given, batchSize: 10_000, maxBufferSize: 10 });
      for (let n = 0; n < count; n += 1) publish(made, n, world);
      await pass(5000);
      await world.call(made.close());
      return calls.messages;
    },
  },
  {
    defect: 'Closed while messages are under way',
    plan: (random) => ({ count: range(random, 1, 4), batchSize: 4 }),
    shows: ({ count, batchSize }) => count === batchSize,
    async run(classes, { count, batchSize }, world) {
      const { calls, given } = client({ latency: 50 });
      const made = await queue(classes, world, { client: given, batchSize });
      for (let n = 0; n < count; n += 1) publish(made, n, world);
      await turns(2);
      let delivered;
      const closing = world.call(made.close()).then(() => (delivered = calls.messages));
      await pass(500);
      await closing;
      return delivered;
    },
  },
];

async function open({ LocalBufferQueue }, world, folder, options) {
  const made = new LocalBufferQueue({ persistencePath: path.join(folder, 'buffer.json'), maxSize: 100, ...options });
  await world.call(made.init());
  return made;
}
const data = (batch) => batch.map((message) => message.data);
/** The folder as a crash would leave it now. */
function crash(world, folder) {
  const image = world.folder();
  fs.cpSync(folder, image, { recursive: true });
  return image;
}
const all = async (made, world) => data(await world.call(made.dequeueBatch()));

const buffers = [
  {
    plan: (random) => list(12, () => ({ call: pick(random, ['enqueue', 'enqueue', 'many', 'take', 'retry', 'remove', 'status', 'reopen']), n: range(random, 1, 4) })),
    shows: never,
    async run(classes, plan, world) {
      const folder = world.folder();
      let made = await open(classes, world, folder);
      const seen = [];
      let taken = [];
      for (const [at, { call, n }] of plan.entries()) {
        if (call === 'enqueue') seen.push(await world.call(made.enqueue({ at })));
        else if (call === 'many') seen.push(await world.call(made.enqueueBatch(list(n, (of) => `${at}-${of}`))));
        else if (call === 'take') {
          taken = await world.call(made.dequeueBatch());
          seen.push(data(taken), taken.map(({ retryCount }) => retryCount));
        } else if (call === 'retry') {
          if (taken.length > 0) seen.push(await world.call(made.retryFailed(taken.shift().id)));
        } else if (call === 'remove') {
          if (made.buffer.length > 0 && taken.length === 0) seen.push(world.call(made.removeMessage(made.buffer[0].id)));
        } else if (call === 'status') {
          seen.push(world.call(made.getStatus()).bufferSize, data(world.call(made.getExceededRetryMessages(0))));
        } else {
          await world.call(made.close());
          made = await open(classes, world, folder);
          taken = [];
        }
      }
      await world.call(made.close());
      return seen;
    },
  },
  {
    defect: 'Accepted and lost',
    plan: (random) => ({ count: range(random, 0, 3) }),
    shows: ({ count }) => count > 0,
    async run(classes, { count }, world) {
      const folder = world.folder();
      const made = await open(classes, world, folder);
      for (let at = 0; at < count; at += 1) await world.call(made.enqueue(at));
      const after = await open(classes, world, crash(world, folder));
      const found = await all(after, world);
      await after.close();
      await made.close();
      return found;
    },
  },
  {
    defect: 'Half a file is no file',
    plan: () => ({}),
    shows: always,
    async run(classes, plan, world) {
      const folder = world.folder();
      const made = await open(classes, world, folder);
      await world.call(made.enqueueBatch(['a', 'b']));
      await world.call(made.flush());
      const write = jest.spyOn(fs.promises, 'writeFile').mockImplementation(async (file, text) => {
        fs.writeFileSync(file, String(text).slice(0, String(text).length / 2));
        throw new Error('killed');
      });
      await outcome(world.call(made.flush()));
      write.mockRestore();
      const after = await open(classes, world, crash(world, folder));
      const found = await all(after, world);
      await after.close();
      await made.close();
      return found;
    },
  },
  {
    defect: 'A damaged file is overwritten',
    plan: (random) => ({ text: pick(random, ['[{"id":"1","da', 'garbage']) }),
    shows: always,
    async run(classes, { text }, world) {
      const folder = world.folder();
      fs.writeFileSync(path.join(folder, 'buffer.json'), text);
      const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const made = await open(classes, world, folder);
      await made.close();
      warned.mockRestore();
      return fs.readdirSync(folder).some((name) => name.startsWith('buffer.json') && fs.statSync(path.join(folder, name)).isFile() && fs.readFileSync(path.join(folder, name), 'utf8') === text);
    },
  },
  {
    defect: 'Taken and lost',
    plan: (random) => ({ takes: random() < 0.7 }),
    shows: ({ takes }) => takes,
    async run(classes, { takes }, world) {
      const folder = world.folder();
      const made = await open(classes, world, folder);
      await world.call(made.enqueueBatch(['a', 'b']));
      await world.call(made.flush());
      if (takes) await world.call(made.dequeueBatch());
      const after = await open(classes, world, crash(world, folder));
      const found = await all(after, world);
      await after.close();
      await made.close();
      return found;
    },
  },
  {
    defect: 'A maximum that bounds nothing',
    plan: (random) => ({ count: range(random, 1, 5) }),
    shows: ({ count }) => count > 3,
    async run(classes, { count }, world) {
      const made = await open(classes, world, world.folder(), { maxSize: 3 });
      const ended = [];
      for (let at = 0; at < count; at += 1) ended.push(await attempt(() => world.call(made.enqueue(at))));
      await made.close();
      return ended;
    },
  },
  {
    defect: 'Retried for ever',
    plan: (random) => ({ times: range(random, 1, 4) }),
    shows: ({ times }) => times > 2,
    async run(classes, { times }, world) {
      const made = await open(classes, world, world.folder(), { maxRetries: 2 });
      await world.call(made.enqueue('a'));
      for (let at = 0; at < times; at += 1) {
        const [message] = await world.call(made.dequeueBatch());
        if (message) await world.call(made.retryFailed(message.id));
      }
      const found = [await all(made, world), data(world.call(made.getExceededRetryMessages()))];
      await made.close();
      return found[0];
    },
  },
  {
    defect: 'A timer that keeps the process alive',
    plan: () => ({}),
    shows: always,
    async run(classes, plan, world) {
      const before = jest.getTimerCount();
      const made = await open(classes, world, world.folder());
      const armed = jest.getTimerCount() - before;
      await made.close();
      return armed;
    },
  },
];

const upper = async (items) => items.map((item) => `${item}!`);
const batches = [
  {
    plan: (random) => list(10, (at) => ({ item: at, fails: random() < 0.2, ms: pick(random, [0, 50]) })),
    shows: never,
    async run({ BatchProcessor }, plan, world) {
      const failing = new Set(plan.filter(({ fails }) => fails).map(({ item }) => item));
      const made = new BatchProcessor({ maxBatchSize: 1, maxWaitTime: 100 }, (items) => (items.some((item) => failing.has(item)) ? Promise.reject(new Error(`${items}`)) : upper(items)));
      const seen = [];
      for (const { item, ms } of plan) {
        seen.push(await outcome(world.call(made.add(item))));
        await pass(ms);
      }
      return seen;
    },
  },
  {
    defect: 'Batches of one',
    plan: (random) => ({ count: range(random, 1, 12) }),
    shows: ({ count }) => count !== Math.ceil(count / 4),
    async run({ BatchProcessor }, { count }, world) {
      let calls = 0;
      const made = new BatchProcessor({ maxBatchSize: 4, maxWaitTime: 100, concurrency: 5 }, (items) => {
        calls += 1;
        return upper(items);
      });
      const added = Promise.all(list(count, (at) => world.call(made.add(at))));
      await pass(200);
      return [await added, calls];
    },
  },
  {
    defect: 'Any number at a time',
    plan: (random) => ({ count: range(random, 1, 6), concurrency: range(random, 1, 4) }),
    shows: ({ count, concurrency }) => count > concurrency,
    async run({ BatchProcessor }, { count, concurrency }, world) {
      let active = 0;
      let most = 0;
      const made = new BatchProcessor({ maxBatchSize: 1, concurrency }, async (items) => {
        most = Math.max(most, (active += 1));
        await new Promise((resolve) => setTimeout(resolve, 10));
        active -= 1;
        return items;
      });
      const added = Promise.all(list(count, (at) => world.call(made.add(at))));
      await pass(1000);
      await added;
      return most;
    },
  },
  {
    defect: 'One error fails all',
    plan: (random) => ({ answers: list(2, () => random() < 0.5) }),
    shows: ({ answers }) => answers[0] !== answers[1],
    async run({ BatchProcessor }, { answers }, world) {
      const made = new BatchProcessor({ maxBatchSize: 2, maxWaitTime: 10 }, async (items) => items.map((item) => (answers[item] ? item : new Error('this one'))));
      let added;
      if (made.queue) {
        // the original's batches have more than one item only when they were put there together
        added = [0, 1].map((item) => new Promise((resolve, reject) => made.queue.push({ item, resolve, reject })));
        world.call(made.run());
      } else added = [0, 1].map((item) => world.call(made.add(item)));
      const ended = Promise.all(added.map(outcome));
      await pass(100);
      return ended;
    },
  },
];

const named = (name, scenarios) => scenarios.map((scenario) => ({ name, ...scenario }));
module.exports = [...named('QstashQueue', qstash), ...named('LocalBufferQueue', buffers), ...named('BatchProcessor', batches)];
