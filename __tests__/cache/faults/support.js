'use strict';
// Caches in processes and threads of their own, and a proxy that cuts and delays.
const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');

const script = path.join(__dirname, 'children', 'instance.js');
const cleanups = [];

/** Speaks with a child over its port. */
class Instance {
  #send;
  #next = 1;
  #waiting = new Map();
  #notes = [];

  constructor(send) {
    this.#send = send;
  }
  heard({ id, note, result, error }) {
    if (note !== undefined) {
      for (const one of this.#notes.filter(({ name }) => name === note)) one.resolve();
      this.#notes = this.#notes.filter(({ name }) => name !== note);
      return;
    }
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) reject(Object.assign(new Error(`in the child: ${error.stack}`), { code: error.code }));
    else resolve(result);
  }
  gone(why) {
    for (const { reject } of this.#waiting.values()) reject(new Error(`the child has ended: ${why}`));
    this.#waiting.clear();
  }
  tell(command, args = {}) {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#send({ id, command, ...args });
    });
  }
  note(name) {
    return new Promise((resolve) => this.#notes.push({ name, resolve }));
  }
  open = (options, clockOffsetMs) => this.tell('open', { options, clockOffsetMs });
  call = (method, ...args) => this.tell('call', { method, args });
  events = () => this.tell('events');
}

/** A cache in a process of its own, once it is ready; `options` open it, `shell` is a limit to start it under. */
async function startInstance(options, { clockOffsetMs, exec } = {}) {
  const child = fork(script, [], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'pipe', 'ipc'], ...exec });
  const instance = new Instance((message) => child.send(message, () => {}));
  const ready = instance.note('ready');
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  child.on('message', (message) => instance.heard(message));
  const exited = once(child, 'exit').then(([code, signal]) => {
    instance.gone(`${code ?? signal} ${errors}`);
    return { code, signal, errors };
  });
  const kill = (signal = 'SIGKILL') => (child.kill(signal), exited);
  cleanups.push(kill);
  await Promise.race([ready, exited.then(({ errors: said }) => Promise.reject(new Error(`the child did not start: ${said}`)))]);
  if (options) instance.health = await instance.open(options, clockOffsetMs);
  return Object.assign(instance, { kill, exited, pid: child.pid });
}

/** The same in a worker thread of this process. */
async function startThread(options) {
  const worker = new Worker(script);
  const instance = new Instance((message) => worker.postMessage(message));
  const ready = instance.note('ready');
  worker.on('message', (message) => instance.heard(message));
  worker.on('exit', (code) => instance.gone(code));
  cleanups.push(() => worker.terminate());
  await ready;
  await instance.open(options);
  return Object.assign(instance, { kill: () => worker.terminate() });
}

/** A TCP proxy: connections through it can be cut, kept from being made, and their answers delayed or held. */
async function startProxy(port) {
  const pairs = new Set();
  const proxy = { delayMs: 0, holding: false, refusing: false, port: 0, connections: 0, answers: 0 };
  const server = net.createServer((near) => {
    proxy.connections += 1;
    if (proxy.refusing) return void near.destroy();
    const far = net.connect(port, '127.0.0.1');
    const pair = { near, far, held: [] };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.setNoDelay(true).on('error', end).on('close', end);
    near.on('data', (chunk) => far.write(chunk));
    // Answers stay in order, however long each is delayed.
    let [last, queued] = [Promise.resolve(), 0];
    far.on('data', (chunk) => {
      proxy.answers += 1;
      if (proxy.holding) return void pair.held.push(chunk);
      if (proxy.delayMs === 0 && queued === 0) return void near.write(chunk);
      queued += 1;
      last = Promise.all([last, sleep(proxy.delayMs)]).then(() => {
        queued -= 1;
        near.write(chunk);
      });
      return undefined;
    });
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.port = server.address().port;
  proxy.url = `redis://127.0.0.1:${proxy.port}`;
  proxy.cut = () => {
    for (const { near, far } of pairs) near.destroy(), far.destroy();
  };
  proxy.release = () => {
    proxy.holding = false;
    for (const pair of pairs) for (const chunk of pair.held.splice(0)) pair.near.write(chunk);
  };
  proxy.stop = async () => {
    proxy.cut();
    server.close();
    await once(server, 'close');
  };
  cleanups.push(proxy.stop);
  return proxy;
}

function folder() {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-faults-'));
  cleanups.push(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Ends all that a test has started, the last first. */
async function cleanUp() {
  for (const clean of cleanups.splice(0).reverse()) await clean();
}

async function eventually(holds, what, limitMs = 60_000) {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(20);
  }
}

/** The value below which that share of the numbers lies. */
const percentile = (numbers, share) => [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))];

module.exports = { startInstance, startThread, startProxy, folder, cleanUp, eventually, percentile, sleep };
