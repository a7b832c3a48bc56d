'use strict';
// Limits that nodes share, through a client that the application has: what native code finds due is sent from here, so
// that what the client settles in microtasks settles so here. All that is due in one turn goes out together.
const native = require('../native');
const { begin } = require('../completion');
const { make } = require('../errors');
const { wrongType } = require('../options');
const { Outage } = require('../batch/outage');
const { ClientCalls } = require('../cache/client-calls');
const { ClientCommands } = require('../cache/client-commands');
const { ClientScript } = require('../cache/client-script');

/** Fields of each request of `nodesDue`, and how many requests it gives at most. */
const [FIELDS, AT_ONCE] = [9, 512];
/** Numbers of the handle; the others are those of `keyedNumbers`. */
const [DUE, WAKE_IN_MS] = [10, 11];
/** A wake that finds nothing due, while a fake clock stands still, is followed by later ones. */
const LONGEST_WAKE_MS = 1000;
const ANSWERS = 6;

const settled = Promise.resolve();

/** The functions of src/limiter/nodes.rs for one handle. */
class Door {
  #handle;
  #numbers;
  #now;

  constructor(handle, numbers, now) {
    this.#handle = handle;
    this.#numbers = numbers;
    this.#now = now;
  }
  script() {
    return native.limitsScript();
  }
  get isDue() {
    return this.#numbers[DUE] > 0;
  }
  get wakeInMs() {
    return this.#numbers[WAKE_IN_MS];
  }
  due() {
    return native.nodesDue(this.#handle, this.#now());
  }
  answer(ticket, said) {
    native.nodeAnswer(this.#handle, ticket, ...said, this.#now());
  }
  failed(ticket) {
    native.nodeFailed(this.#handle, ticket, this.#now());
  }
  down(isDown) {
    native.nodesDown(this.#handle, isDown, this.#now());
  }
  close() {
    return begin((shell, id) => native.nodesClose(shell, id, this.#handle, this.#now()));
  }
}

class ClientNodes {
  #commands;
  #script;
  #prefix;
  #calls;
  #door;
  #on;
  #outage;
  #isSending = false;
  #isArmed = false;
  #wakeMs = 1;
  #isClosed = false;
  /** By key: what is called when the request for it that is out has ended. */
  #waiting = new Map();
  /** The same for the request that follows it. */
  #behind = new Map();

  /**
   * `redis` as `readRedis` gives it, `door` a `Door`. `on`: `degraded(error)` and `recovered()`, once each time,
   * `answered()` when answers came.
   */
  constructor({ client, keyPrefix, commandTimeoutMs, breaker }, door, on) {
    this.#commands = new ClientCommands(client);
    this.#script = new ClientScript(client, door.script(), this.#commands);
    this.#prefix = keyPrefix;
    this.#door = door;
    this.#on = on;
    const { failures, probeMs } = breaker === false ? { failures: 0, probeMs: 1000 } : breaker;
    this.#calls = new ClientCalls({ failures, probeMs, timeoutMs: commandTimeoutMs, isMany: this.#commands.isCluster }, {
      probe: () => this.#commands.probe(`${keyPrefix}\u0001p`),
      catchUp: () => {},
      down: (error) => this.#turned(true, error),
      up: () => this.#turned(false),
    });
    this.#outage = new Outage((error) => on.degraded(error), () => this.#calls.elapsedMs(), () => on.recovered());
  }

  /** A client that cannot run a script cannot share a limit. */
  static check(client, option) {
    if (typeof client.eval !== 'function') throw wrongType(option, 'a Redis client with eval', client);
  }

  /** To be called behind whatever may have made something due. */
  send() {
    this.#wakeMs = 1;
    if (!this.#door.isDue) return this.#wakeLater();
    if (this.#isSending) return;
    this.#isSending = true;
    settled.then(() => this.#sendNow());
  }

  /**
   * Settles when the request that carries what was just asked for that key has ended, at the latest after so long; at once
   * and with false when there is none. `key`: as Redis knows it, without the option's prefix.
   */
  async ended(key, withinMs) {
    // one that is out knows nothing of it: the next one does
    const isBehind = this.#waiting.has(key);
    if (this.#isSending) this.#sendNow();
    if (!isBehind) {
      const waiting = this.#waiting.get(key);
      if (waiting === undefined) return false;
      await new Promise((resolve) => waiting.push(resolve));
      return true;
    }
    if (!this.#behind.has(key)) this.#behind.set(key, []);
    const until = this.#calls.elapsedMs() + withinMs;
    await new Promise((resolve) => this.#behind.get(key).push({ resolve, until }));
    return true;
  }

  #sendNow() {
    this.#isSending = false;
    let sent = 0;
    // while the breaker is open nothing is due
    for (let due = this.#due(); due.length > 0; due = due.length < AT_ONCE ? [] : this.#due()) {
      sent += due.length;
      this.#ask(due);
    }
    if (!this.#isClosed) this.#wakeLater();
    return sent;
  }
  /** Requests: `{ ticket, key, args }`. */
  #due() {
    const flat = this.#door.due();
    const due = [];
    for (let at = 0; at + FIELDS <= flat.length; at += FIELDS) {
      const [ticket, key, ...args] = flat.slice(at, at + FIELDS);
      due.push({ ticket, key, args: args.map(String) });
    }
    return due;
  }

  #ask(due) {
    for (const { key } of due) if (!this.#waiting.has(key)) this.#waiting.set(key, []);
    // masters of a cluster answer on their own
    const groups = this.#commands.isCluster ? due.map((request) => [request]) : [due];
    for (const group of groups) void this.#askGroup(group);
  }
  async #askGroup(group) {
    const began = this.#calls.elapsedMs();
    let replies;
    try {
      replies = await this.#calls.run(() => this.#replies(group));
    } catch (error) {
      replies = group.map(() => [error]);
    }
    group.forEach(({ ticket, key }, at) => {
      this.#ended(ticket, replies[at], began);
      taken(this.#waiting, key).forEach((resolve) => resolve());
    });
    this.#on.answered();
    this.send();
    const keys = group.map(({ key }) => key).filter((key) => this.#behind.has(key));
    if (keys.length === 0) return;
    this.#sendNow();
    for (const key of keys) {
      const behind = taken(this.#behind, key);
      const waiting = this.#waiting.get(key);
      for (const { resolve, until } of behind) {
        const left = until - this.#calls.elapsedMs();
        // nothing was sent for it: what is known decides
        if (waiting === undefined || left <= 0) resolve();
        else {
          waiting.push(resolve);
          this.#calls.after(Math.ceil(left), resolve);
        }
      }
    }
  }
  async #replies(group) {
    const replies = await this.#script.run(group.map(({ key, args }) => [this.#prefix + key, args]));
    // one that failed as a whole has failed; a refusal of single requests is an answer
    if (replies.every(([error]) => error)) throw replies[0][0];
    return replies;
  }
  #ended(ticket, [error, value], began) {
    const said = Array.isArray(value) ? value.map(Number) : [];
    if (!error && said.length >= ANSWERS && said.every(Number.isFinite)) {
      this.#door.answer(ticket, said.slice(0, ANSWERS));
      this.#outage.answered(began);
    } else {
      this.#door.failed(ticket);
      this.#outage.failed(away(error ?? new Error('the client answered a script with something else')));
    }
  }

  #turned(isDown, error) {
    this.#door.down(isDown);
    if (isDown) this.#outage.failed(away(error));
    else {
      this.#outage.over();
      this.send();
    }
  }

  /** Native time, for leases that nobody spends. */
  #wakeLater() {
    const ms = this.#door.wakeInMs;
    if (this.#isArmed || this.#isClosed || !(ms < Infinity)) return;
    this.#isArmed = true;
    const weak = new WeakRef(this);
    this.#calls.after(Math.max(Math.ceil(ms), this.#wakeMs), () => weak.deref()?.#wake());
  }
  #wake() {
    this.#isArmed = false;
    if (this.#isClosed) return;
    this.#wakeMs = Math.min(2 * this.#wakeMs, LONGEST_WAKE_MS);
    if (this.#sendNow() > 0) this.#wakeMs = 1;
  }

  /** Deletes keys (without the option's prefix); one that the client does not hear of runs out. */
  forget(keys) {
    if (keys.length === 0) return;
    const full = keys.map((key) => this.#prefix + key);
    this.#calls.run(() => this.#commands.del(full)).catch(() => {});
  }

  /** Tells debt and gives back what is unspent; the client is the application's. */
  async close() {
    this.#isClosed = true;
    await this.#door.close();
    this.#sendNow();
    await this.#calls.close();
  }
}

/** A list of that map, which has none for that key any more. */
function taken(lists, key) {
  const list = lists.get(key) ?? [];
  lists.delete(key);
  return list;
}
/** As the event says it. */
const away = (error) => (error?.code === 'ERR_REDIS' ? error : make('Redis', { detail: error?.message ?? String(error) }, error));

module.exports = { ClientNodes, Door };
