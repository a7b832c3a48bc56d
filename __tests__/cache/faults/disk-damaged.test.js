'use strict';
// A store that was closed, then damaged: whoever opens it gets right values or none, and lives.
const fs = require('node:fs');
const path = require('node:path');
const { cleanUp, folder, startInstance } = require('./support');

afterEach(cleanUp);

const KEYS = 200;
const filesOf = (dir) => fs.readdirSync(dir, { recursive: true }).map((name) => path.join(dir, name)).filter((file) => fs.statSync(file).isFile());

/** A closed store with values for k0 to k199, and its data file. */
async function closedStore() {
  const store = path.join(folder(), 'store');
  const child = await startInstance({ jitter: 0, disk: store });
  await child.tell('fill', { keys: KEYS });
  await child.call('close');
  await child.kill();
  const [largest] = filesOf(store).sort((a, b) => fs.statSync(b).size - fs.statSync(a).size);
  return { store, data: path.relative(store, largest) };
}

test('any byte, any page, any end', async () => {
  const { store, data } = await closedStore();
  const whole = fs.readFileSync(path.join(store, data));
  const damages = [];
  // The first pages say where all else is: there every few bytes, further on here and there.
  for (let at = 0; at < 8192; at += at % 4096 < 200 ? 3 : 400) damages.push([`byte ${at}`, (bytes) => (bytes[at] ^= 0xff)]);
  for (let at = 8192; at < whole.length; at += 4096) {
    for (const inside of [0, 10, 12, 14, 17, 24, 1000, 4000]) damages.push([`byte ${at + inside}`, (bytes) => (bytes[at + inside] ^= 0x5a)]);
  }
  const cuts = [0, 1, 4096, 8192, Math.floor(whole.length / 2), whole.length - 4096, whole.length - 1];
  for (const length of cuts) damages.push([`cut to ${length}`, (bytes) => bytes.subarray(0, length)]);
  damages.push(['zeros', (bytes) => bytes.fill(0)], ['noise', (bytes) => bytes.map((_, at) => (at * 2654435761) >>> 13)]);
  // scattered: a step would always meet the same place within a page
  const chosen = damages.filter((_, at) => (at * 40_503) % damages.length < 80 || at > damages.length - 12);

  const base = folder();
  let child = await startInstance();
  const died = [];
  const counts = { up: 0, down: 0, found: 0 };
  for (const [at, [what, damage]] of chosen.entries()) {
    const copy = path.join(base, `s${at}`);
    fs.cpSync(store, copy, { recursive: true });
    const bytes = Buffer.from(whole);
    const changed = damage(bytes);
    fs.writeFileSync(path.join(copy, data), typeof changed === 'number' ? bytes : changed);
    try {
      const health = await child.open({ jitter: 0, disk: copy });
      counts[health.disk] += 1;
      const { wrong, whole: found } = await child.tell('audit', { keys: KEYS });
      expect([what, wrong]).toEqual([what, []]);
      counts.found += found;
      await child.call('set', 'k0', { number: 0, text: 'k0/0/' }, 60);
      await child.tell('audit', { keys: 1 });
      await child.call('close');
    } catch (error) {
      if (!/has ended/.test(error.message)) throw error;
      died.push(`${what}: ${error.message}`);
      child = await startInstance();
    }
    fs.rmSync(copy, { recursive: true, force: true });
  }
  expect(died).toEqual([]);
  // It is of use: a store that is set aside is made anew, and damage to one value costs that value alone.
  expect(counts.up).toBeGreaterThan(chosen.length * 0.9);
  expect(counts.found).toBeGreaterThan(chosen.length * KEYS * 0.1);
});

test('a store that was not closed is looked through, and set aside when it is damaged', async () => {
  const { store, data } = await closedStore();
  const owner = await startInstance({ disk: store });
  await owner.tell('fill', { keys: KEYS });
  await owner.call('delete', 'nothing');
  await owner.kill();
  const file = path.join(store, data);
  const bytes = fs.readFileSync(file);
  for (let at = 8192; at < bytes.length; at += 4096) bytes.fill(0xee, at, at + 64);
  fs.writeFileSync(file, bytes);
  const before = filesOf(path.dirname(store)).length;
  const next = await startInstance({ disk: store });
  expect(next.health.disk).toBe('up');
  expect((await next.tell('audit', { keys: KEYS })).wrong).toEqual([]);
  await next.call('set', 'key', 'value', 60);
  expect(await next.call('get', 'key', { skipL1: true })).toBe('value');
  // Set aside under another name, never deleted.
  expect(filesOf(path.dirname(store)).length).toBeGreaterThan(before);
});
