'use strict';
// QstashQueue.
const RedisMock = require('ioredis-mock');
const { always, list, never, outcome, pass, pick, range, turns } = require('./world');

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

module.exports = qstash.map((scenario) => ({ name: 'QstashQueue', ...scenario }));
