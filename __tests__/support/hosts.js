'use strict';
// Processes that share limits, and the account of what they admitted, by one clock.
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { EVENTS, FIELDS } = require('./hosts-record');

const program = path.join(__dirname, 'limiter-host.js');
const running = new Set();
let folder;
let count = 0;

/** Microseconds of the clock that all hosts share. */
const micros = () => Number(process.hrtime.bigint() / 1000n);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Host {
  #child;
  #file;

  constructor(config) {
    folder ??= mkdtempSync(path.join(os.tmpdir(), 'sluice-hosts-'));
    this.#file = path.join(folder, `host-${(count += 1)}`);
    this.#child = fork(program, [JSON.stringify({ ...config, file: this.#file })], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
    running.add(this);
  }
  async ready() {
    await once(this.#child, 'message');
    return this;
  }
  spend() {
    this.#child.send('spend');
  }
  pause() {
    this.#child.send('pause');
  }
  freeze() {
    this.#child.kill('SIGSTOP');
  }
  thaw() {
    this.#child.kill('SIGCONT');
  }
  async stop() {
    await this.#end(() => this.#child.send('stop'));
  }
  async kill() {
    await this.#end(() => this.#child.kill('SIGKILL'));
  }
  async #end(end) {
    if (!running.delete(this)) return;
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) throw new Error(`a host has ended by itself: ${exitCode ?? signalCode}`);
    const ended = once(this.#child, 'exit');
    end();
    await ended;
  }

  /** All that it has written down: `{ limiter, key, weight, event, from, to }`. */
  notes() {
    let bytes;
    try {
      bytes = readFileSync(this.#file);
    } catch {
      return [];
    }
    // one that is killed while it writes
    const whole = Math.floor(bytes.length / (8 * FIELDS)) * FIELDS;
    const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + whole * 8));
    const notes = [];
    for (let at = 0; at < whole; at += FIELDS) {
      const [limiter, key, weight, from, to] = numbers.subarray(at, at + FIELDS);
      notes.push({ limiter, key, weight, event: weight < 0 ? EVENTS[-1 - weight] : undefined, from, to });
    }
    return notes;
  }
}

/** Starts hosts, each `{ redis: { how, urls, … }, limiters: [{ spend, options, keys }], clockShiftMs }`; they wait for `spend`. */
const startHosts = (configs) => Promise.all(configs.map((config) => new Host(config).ready()));

async function endHosts() {
  await Promise.all([...running].map((host) => host.kill()));
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
}

/** What one limiter, and one of its keys, admitted in all those hosts, in order. */
function admissions(hosts, { limiter = 0, key = 0 } = {}) {
  const mine = (note) => note.limiter === limiter && note.key === key && note.event === undefined;
  return hosts.flatMap((host) => host.notes()).filter(mine).sort((a, b) => a.from - b.from);
}
const weightOf = (list) => list.reduce((sum, { weight }) => sum + weight, 0);

/** The most that was certainly admitted within any window of that length which begins not before `since`, or ends by `until`. */
function fullest(list, windowMs, { since = -Infinity, until = Infinity } = {}) {
  const windowMicros = windowMs * 1000;
  let most = 0;
  list.forEach(({ from: begin }, at) => {
    if (begin < since || begin + windowMicros > until) return;
    let sum = 0;
    for (let next = at; next < list.length && list[next].from < begin + windowMicros; next += 1) {
      if (list[next].to < begin + windowMicros) sum += list[next].weight;
    }
    most = Math.max(most, sum);
  });
  return most;
}

/** What all hosts together never exceed in a window: the limit and a share of debt each. */
const bound = (limit, hosts) => limit + hosts * Math.max(1, Math.floor(limit / 10));

module.exports = { startHosts, endHosts, admissions, fullest, weightOf, bound, micros, sleep };
