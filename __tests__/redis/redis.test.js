'use strict';
// The servers that other suites rely on: they are real, they fail as told, and they end.
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { existsSync } = require('node:fs');
const path = require('node:path');
const { startRedis, startCluster, startSentinel, stopAll, eventually } = require('./index');

afterAll(stopAll);

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('a server answers, and stops by its process id with its folder', async () => {
  const server = await startRedis();
  const client = server.client();
  expect(await client.set('a', '1')).toBe('OK');
  expect(await client.get('a')).toBe('1');
  const { pid, folder } = server;
  expect(isAlive(pid) && existsSync(folder)).toBe(true);
  await server.stop();
  expect(isAlive(pid) || existsSync(folder)).toBe(false);
});

test('a paused server keeps its sockets and does not answer until it is resumed', async () => {
  const server = await startRedis();
  const client = server.client();
  await client.ping();
  server.pause();
  const answer = client.ping();
  const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 150, 'silence'))]);
  expect(early).toBe('silence');
  server.resume();
  expect(await answer).toBe('PONG');
});

test('a killed server is started again on its port, empty', async () => {
  const server = await startRedis();
  const { port, pid } = server;
  await server.command('SET', 'a', '1');
  await server.kill();
  await expect(server.command('PING')).rejects.toThrow();
  await server.restart();
  expect([server.port, server.pid === pid]).toEqual([port, false]);
  expect(await server.command('GET', 'a')).toBeNull();
});

test('TLS: only who trusts the authority, and where asked has a certificate, is let in', async () => {
  const server = await startRedis({ tls: 'mutual', password: 'secret' });
  expect(server.url).toBe(`rediss://:secret@localhost:${server.port}`);
  expect(await server.command('PING')).toBe('PONG');
  const stranger = server.client({ tls: { rejectUnauthorized: false }, retryStrategy: null, lazyConnect: true });
  await expect(stranger.connect().then(() => stranger.ping())).rejects.toThrow();
});

test('three masters share the slots', async () => {
  const cluster = await startCluster();
  const client = cluster.client();
  const keys = Array.from({ length: 300 }, (_, at) => `key:${at}`);
  await Promise.all(keys.map((key) => client.set(key, key)));
  const sizes = await Promise.all(cluster.nodes.map((node) => node.command('DBSIZE')));
  expect(sizes.reduce((sum, size) => sum + size)).toBe(300);
  expect(Math.min(...sizes)).toBeGreaterThan(30);
  await cluster.stop();
});

test('a sentinel makes the replica the master when the master dies', async () => {
  const group = await startSentinel({ sentinels: 1 });
  expect(await group.masterPort()).toBe(group.master.port);
  await group.master.command('SET', 'a', '1');
  await eventually(async () => (await group.replica.command('GET', 'a')) === '1', 'replication');
  await group.master.kill();
  await group.failedOver();
  expect(await group.replica.command('SET', 'b', '2')).toBe('OK');
  await group.stop();
});

test('servers end when the process that started them is killed, even paused ones', async () => {
  const source = `
    const { startRedis } = require(${JSON.stringify(path.join(__dirname, 'index.js'))});
    Promise.all([startRedis(), startRedis()]).then(([one, two]) => {
      two.pause();
      console.log(JSON.stringify([one.pid, two.pid, one.folder]));
      setInterval(() => {}, 1000);
    });`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const [one, two, folder] = JSON.parse(line);
  expect([isAlive(one), isAlive(two)]).toEqual([true, true]);
  child.kill('SIGKILL');
  await eventually(() => !isAlive(one) && !isAlive(two) && !existsSync(folder), 'they end');
});

test('a process with an idle server exits by itself, and the server with it', async () => {
  const source = `
    const { startRedis } = require(${JSON.stringify(path.join(__dirname, 'index.js'))});
    startRedis().then((server) => console.log(server.pid));`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = await once(child.stdout, 'data');
  expect((await ended)[0]).toBe(0);
  await eventually(() => !isAlive(Number(line)), 'it ends');
});
