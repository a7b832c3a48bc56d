'use strict';
// The example's classes and the drop-ins under the same random calls: 8,000 of them, by one seed and one fake clock. They
// differ exactly where a defect that docs/migrate.md lists shows; every other difference, and every missing one, is a failure.
// SLUICE_SEED=N runs another seed, SLUICE_CALLS=N so many calls.
const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const { seeded, pick } = require('../support/random');
const { World, within } = require('./differential/world');

const root = path.join(__dirname, '..', '..');
const sources = path.join(root, 'examples', 'existing-service', 'src');
const originals = require('../../examples/existing-service/src/classes');
const dropIns = require('../../compat');

const SEED = Number(process.env.SLUICE_SEED ?? 20_261_122);
const CALLS = Number(process.env.SLUICE_CALLS ?? 8000);
const HANGS = Symbol('hangs');
const HANGS_MS = 20_000;
const START = 1_700_000_000_000;
const scenarios = ['caches', 'stores', 'limits', 'queues', 'buffers', 'batches', 'bodies'].flatMap((file) => require(`./differential/${file}`));
const title = ({ name, defect = 'calls where nothing listed may show' }) => `${name}: ${defect}`;

/** One class's side of a scenario, from the same time on. */
async function side(classes, scenario, plan) {
  jest.setSystemTime(START);
  const world = new World();
  try {
    const seen = await within(HANGS_MS, scenario.run(classes, plan, world), HANGS);
    return { seen, calls: world.calls };
  } finally {
    await world.end();
    jest.clearAllTimers();
  }
}

const shown = new Map();
const problems = [];
let calls = 0;
let step = 0;
async function compare(scenario, random) {
  step += 1;
  const plan = scenario.plan(random);
  const original = await side(originals, scenario, plan);
  const dropIn = await side(dropIns, scenario, plan);
  calls += original.calls;
  if ([original.seen, dropIn.seen].includes(HANGS)) problems.push(`${title(scenario)}: hangs, seed ${SEED}, step ${step}\n${JSON.stringify(plan)}`);
  const isSame = isDeepStrictEqual(original.seen, dropIn.seen);
  if (isSame !== scenario.shows(plan)) {
    if (!isSame) shown.set(title(scenario), (shown.get(title(scenario)) ?? 0) + 1);
    return;
  }
  const why = isSame ? 'the defect does not show' : 'a difference that is not listed';
  const [there, here] = [original.seen, dropIn.seen];
  const at = Array.isArray(there) && Array.isArray(here) ? there.findIndex((one, index) => !isDeepStrictEqual(one, here[index])) : -1;
  const both = at < 0 ? { original: there, dropIn: here } : { at, original: there[at], dropIn: here[at] };
  problems.push(`${title(scenario)}: ${why}, seed ${SEED}, step ${step}\n${JSON.stringify({ plan, ...both })}`);
}

beforeAll(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask'] }));
afterAll(() => jest.useRealTimers());

test(`${CALLS} calls differ exactly where a listed defect shows, each at least once`, async () => {
  const random = seeded(SEED);
  // each defect once, then at random
  for (const scenario of scenarios) {
    for (let tries = 0; tries < 60 && problems.length === 0 && (tries === 0 || (scenario.defect && !shown.has(title(scenario)))); tries += 1) await compare(scenario, random);
  }
  // long runs of calls where nothing listed may show come more often
  const plain = scenarios.filter(({ defect, name }) => defect === undefined && name !== 'LocalBufferQueue');
  const repeated = [...scenarios.filter(({ once }) => !once), ...plain, ...plain, ...plain, ...plain];
  while (calls < CALLS && problems.length < 10) await compare(pick(random, repeated), random);
  expect(problems).toEqual([]);
  const listed = scenarios.filter(({ defect }) => defect !== undefined).map(title);
  expect(listed.filter((one) => !shown.has(one))).toEqual([]);
});

test('the defects are those of docs/migrate.md, and all of them', () => {
  const listed = fs.readFileSync(path.join(root, 'docs', 'migrate.md'), 'utf8').split(/^## /m).slice(1).flatMap((section) => {
    const [name] = section.split('\n');
    return [...section.matchAll(/^- \*\*(.+?)\*\*/gm)].map(([, defect]) => `${name}: ${defect.replace(/\.$/, '')}`);
  });
  expect(scenarios.filter(({ defect }) => defect !== undefined).map(title).sort()).toEqual(listed.sort());
});

test('the example knows nothing of sluice', () => {
  const files = fs.readdirSync(sources).map((name) => [name, fs.readFileSync(path.join(sources, name), 'utf8')]);
  const asked = files.flatMap(([, text]) => [...text.matchAll(/require\(['"]([^'"]+)['"]\)|from ['"]([^'"]+)['"]/g)].map(([, one, other]) => one ?? other));
  expect([...new Set(asked)].filter((name) => !/^(\.\/[\w-]+|node:[\w/]+|ioredis)$/.test(name))).toEqual([]);
  expect(files.filter(([, text]) => /sluice/i.test(text)).map(([name]) => name)).toEqual([]);
  expect(files.length).toBeGreaterThan(12);
});
