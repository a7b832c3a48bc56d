'use strict';
// Idempotency over Redis when something dies: an instance between claim and effect, the server, the connection.
const { fork, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { BatchBuffer } = require('sluice');
const { startRedis, stopAll } = require('../redis');
const { freePort } = require('../redis/ports');
const clients = require('../cache/clients');
const lease = require('../../lib/batch/lease');

const script = path.join(__dirname, 'children', 'idempotent.js');
const LEASE_MS = lease.leaseMs;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-idempotency-'));
const children = new Set();
const buffers = [];
let files = 0;
const ends = [];

afterEach(async () => {
  lease.leaseMs = LEASE_MS;
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(buffers.splice(0).map((buffer) => buffer.close({ timeoutMs: 1 })));
});
afterAll(async () => {
  for (const end of ends) end();
  await stopAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

const newFile = () => path.join(folder, `effects-${(files += 1)}`);
const effects = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean) : []);
async function eventually(what, holds, limitMs = 60_000) {
  const end = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** An instance in a process of its own. */
async function start(server, file, { leaseMs = LEASE_MS, options } = {}) {
  const child = fork(script, [JSON.stringify({ url: server.url, file, leaseMs, options })]);
  children.add(child);
  child.on('exit', () => children.delete(child));
  const heard = [];
  const waiting = [];
  child.on('message', (message) => {
    heard.push(message);
    for (const look of waiting.splice(0)) look();
  });
  const said = async (name) => {
    for (;;) {
      const at = heard.findIndex((message) => name in message);
      if (at >= 0) return heard.splice(at, 1)[0][name];
      await new Promise((resolve) => waiting.push(resolve));
    }
  };
  await said('ready');
  return {
    pid: child.pid,
    heard,
    add(keys) {
      child.send({ add: keys });
      return said('results');
    },
    async close() {
      child.send({ close: true });
      const account = await said('closed');
      if (child.exitCode === null) await once(child, 'exit');
      return { account, code: child.exitCode };
    },
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
/** An instance of this process. */
function open(redis, options, answer = (item) => `${item}!`) {
  const handed = [];
  const buffer = new BatchBuffer((items) => {
    handed.push(...items);
    return Promise.all(items.map(answer));
  }, { batchTimeout: 1, retries: 0, idempotency: { redis }, ...options });
  const degraded = [];
  buffer.on('degraded', (part, error) => degraded.push([part, error.code]));
  buffers.push(buffer);
  return { buffer, handed, degraded };
}

test('three processes with equal keys have one effect each, and all get the same results', async () => {
  const server = await startRedis();
  const file = newFile();
  const instances = await Promise.all([1, 2, 3].map(() => start(server, file)));
  const keys = Array.from({ length: 300 }, (_, n) => `k${n}`);
  // each in an order of its own, so that each is first for some
  const turned = (by) => [...keys.slice(by), ...keys.slice(0, by)];
  const inSteps = async (instance, all) => {
    const got = [];
    for (let at = 0; at < all.length; at += 10) got.push(...(await instance.add(all.slice(at, at + 10))));
    return got;
  };
  const results = await Promise.all(instances.map((instance, n) => inSteps(instance, turned(100 * n))));
  expect(effects(file).sort()).toEqual([...keys].sort());
  const byKey = results.map((list, n) => Object.fromEntries(turned(100 * n).map((key, at) => [key, list[at]])));
  expect(byKey[1]).toEqual(byKey[0]);
  expect(byKey[2]).toEqual(byKey[0]);
  expect(new Set(results[0].map((result) => result.split(' by ')[1])).size).toBeGreaterThan(1);
  for (const instance of instances) {
    expect(await instance.close()).toMatchObject({ code: 0 });
    expect(instance.heard).toEqual([]);
  }
});

test('a process that dies between claim and effect loses nothing: its lease runs out, and a repeat sends', async () => {
  const server = await startRedis();
  const file = newFile();
  const dying = await start(server, file, { leaseMs: 3000, options: { batchTimeout: 60_000 } });
  void dying.add(['k', 'l']);
  await eventually('it has the claim', async () => (await server.command('EXISTS', 'p:k', 'p:l')) === 2);
  const repeat = await start(server, file, { leaseMs: 3000 });
  const results = repeat.add(['k', 'l']);
  await dying.kill();
  expect(effects(file)).toEqual([]);
  expect(await results).toEqual(['k', 'l'].map((key) => `item ${key} by ${repeat.pid}`));
  expect(effects(file)).toEqual(['k', 'l']);
  await repeat.close();
});

test('a durable item of a process that died is sent by its next one, once, and a repeat elsewhere gets its result', async () => {
  const server = await startRedis();
  const file = newFile();
  const options = { durable: path.join(folder, 'log') };
  const dying = await start(server, file, { leaseMs: 2000, options: { ...options, batchTimeout: 60_000 } });
  void dying.add(['k']);
  await eventually('it is on disk', async () => {
    const names = fs.existsSync(options.durable) ? fs.readdirSync(options.durable) : [];
    return names.some((name) => name.endsWith('.redb')) && (await server.command('EXISTS', 'p:k')) === 1;
  });
  // the row follows the claim: a turn of the commit thread
  await new Promise((resolve) => setTimeout(resolve, 500));
  await dying.kill();
  const [next, repeat] = await Promise.all([start(server, file, { leaseMs: 2000, options }), start(server, file, { leaseMs: 2000 })]);
  const [result] = await repeat.add(['k']);
  expect([next.pid, repeat.pid].map((pid) => `item k by ${pid}`)).toContain(result);
  // whoever was second has heard of it by now, and has nothing more to do
  expect((await next.close()).account).toMatchObject({ dropped: 0, deadLettered: 0, aborted: 0 });
  expect(effects(file)).toEqual(['k']);
  await repeat.close();
  const after = await start(server, file, { options });
  await after.close();
  expect(effects(file)).toEqual(['k']);
});

test('what comes back from disk asks for its keys again, and is sent when another instance has given up on them', async () => {
  const server = await startRedis();
  const durable = path.join(folder, 'left');
  const redis = { url: server.url, keyPrefix: 'p:', commandTimeoutMs: 5000 };
  const first = open(redis, { durable, handlerTimeoutMs: 0 }, () => new Promise(() => {}));
  await Promise.all(['free', 'taken', 'done'].map((key) => first.buffer.enqueue(key, { key })));
  expect(await first.buffer.close({ timeoutMs: 1 })).toMatchObject({ kept: 3 });
  await server.command('FLUSHALL');
  await server.command('SET', 'p:taken', 'sluice:1:pending:somebody:1', 'PX', '1500');
  await server.command('SET', 'p:done', 'sluice:1:done:7');
  const second = open(redis, { durable });
  expect(await second.buffer.recovered).toBe(3);
  await eventually('the free one is sent', () => second.handed.length === 1);
  expect(second.handed).toEqual(['free']);
  expect(await second.buffer.add('repeat', { key: 'taken' })).toBe('taken!');
  expect(second.handed).toEqual(['free', 'taken']);
  expect(await second.buffer.close()).toEqual({ delivered: 2, deadLettered: 0, dropped: 0, aborted: 0, kept: 0 });
  const third = open(redis, { durable });
  expect(await third.buffer.recovered).toBe(0);
});

describe.each([
  ['our own connection', async (server) => ({ url: server.url, keyPrefix: 'p:' })],
  ['ioredis', async (server) => {
    const { client, close } = clients.ioredis(server, { maxRetriesPerRequest: 1 });
    ends.push(close);
    return { client, keyPrefix: 'p:' };
  }],
])('over %s', (_, give) => {
  test('frozen, gone, back and empty: this process alone, one event each time, nothing lost', async () => {
    const server = await startRedis();
    const redis = await give(server);
    const a = open({ ...redis, commandTimeoutMs: 250, breaker: { failures: 3, probeMs: 100 } });
    const b = open({ url: server.url, keyPrefix: 'p:', commandTimeoutMs: 5000 });
    expect(await a.buffer.add('a', { key: 'a' })).toBe('a!');

    server.pause();
    for (let n = 0; n < 6; n += 1) {
      const key = `frozen${n}`;
      expect(await Promise.all([a.buffer.add(key, { key }), a.buffer.add('repeat', { key })])).toEqual([`${key}!`, `${key}!`]);
    }
    expect(a.degraded).toEqual([['redis', 'ERR_REDIS']]);
    server.resume();
    let tries = 0;
    await eventually('it is shared again', async () => {
      const key = `thawed${(tries += 1)}`;
      await a.buffer.add(key, { key });
      await new Promise((resolve) => setTimeout(resolve, 50));
      return (await server.command('GET', `p:${key}`)) === `sluice:1:done:"${key}!"`;
    });
    expect(a.degraded).toHaveLength(1);
    expect(await b.buffer.add('other', { key: `thawed${tries}` })).toBe(`thawed${tries}!`);

    await server.kill();
    for (let n = 0; n < 3; n += 1) expect(await a.buffer.add('gone', { key: `gone${n}` })).toBe('gone!');
    expect(a.degraded).toEqual([['redis', 'ERR_REDIS'], ['redis', 'ERR_REDIS']]);
    await server.start();
    await eventually('it is shared again', async () => {
      const key = `back${(tries += 1)}`;
      await a.buffer.add(key, { key });
      await new Promise((resolve) => setTimeout(resolve, 50));
      return (await server.command('EXISTS', `p:${key}`)) === 1;
    });
    expect(a.degraded).toHaveLength(2);
    const { accepted, delivered, failed } = a.buffer.getStats();
    expect([delivered, failed]).toEqual([accepted, 0]);
    expect((await a.buffer.close()).delivered).toBe(accepted);
  });

  test('what is pending when an empty server comes back is claimed again', async () => {
    lease.leaseMs = 3000;
    const server = await startRedis();
    let deliver;
    const a = open({ ...(await give(server)), breaker: { probeMs: 100 } }, {}, () => new Promise((resolve) => (deliver = resolve)));
    const b = open({ url: server.url, keyPrefix: 'p:', commandTimeoutMs: 5000 });
    const first = a.buffer.add('x', { key: 'k' });
    await eventually('it is handed over', () => deliver !== undefined);
    await server.restart();
    await eventually('it is claimed again', async () => (await server.command('EXISTS', 'p:k')) === 1);
    const second = b.buffer.add('y', { key: 'k' });
    deliver('one');
    expect(await Promise.all([first, second])).toEqual(['one', 'one']);
    expect(b.handed).toEqual([]);
  });
});

test('a process that closes nothing ends by itself, when what it has done is told', async () => {
  const server = await startRedis();
  const source = `
    const { BatchBuffer } = require(${JSON.stringify(path.join(__dirname, '..', '..'))});
    const buffer = new BatchBuffer((items) => items, { batchTimeout: 1, idempotency: { redis: ${JSON.stringify(server.url)} } });
    buffer.add('a', { key: 'k' }).then((result) => console.log(result));
  `;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  let out = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  const [code] = await once(child, 'close');
  children.delete(child);
  expect([code, out]).toEqual([0, 'a\n']);
  expect(await server.command('GET', 'sluice:k')).toBe('sluice:1:done:"a"');
});

test('the connections of buffers that nobody has any more end', async () => {
  const server = await startRedis();
  const program = path.join(__dirname, 'children', 'dropped.js');
  const child = spawn(process.execPath, ['--expose-gc', program, server.url, String(server.port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  let out = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  await once(child, 'close');
  children.delete(child);
  expect(out).toBe('10 0\n');
});

test('a server that never was there: every item goes on, the process ends by itself', async () => {
  const file = newFile();
  const instance = await start({ url: `redis://127.0.0.1:${await freePort()}` }, file);
  const keys = Array.from({ length: 50 }, (_, n) => `k${n}`);
  expect(await instance.add([...keys, ...keys])).toHaveLength(100);
  expect(effects(file)).toEqual(keys);
  expect(await instance.close()).toMatchObject({ account: { delivered: 50 }, code: 0 });
  expect(instance.heard).toHaveLength(1);
  expect(instance.heard[0].degraded).toMatch(/^redis: /);
});
