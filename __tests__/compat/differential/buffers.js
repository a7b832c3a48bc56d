'use strict';
// LocalBufferQueue.
const fs = require('node:fs');
const path = require('node:path');
const { always, attempt, list, never, outcome, pick, range } = require('./world');

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

module.exports = buffers.map((scenario) => ({ name: 'LocalBufferQueue', ...scenario }));
