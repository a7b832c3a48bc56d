'use strict';
// BatchProcessor.
const { list, never, outcome, pass, pick, range } = require('./world');

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

module.exports = batches.map((scenario) => ({ name: 'BatchProcessor', ...scenario }));
