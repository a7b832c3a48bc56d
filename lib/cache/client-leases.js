'use strict';
// Leases of loads in Redis, by EVAL through an injected client: one loader across hosts.
const native = require('../native');

const LEASE_MS = 10_000;
const RENEW_MS = Math.floor(LEASE_MS / 3);

const TAKE = `
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;
const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** What was seen when the lease was asked for: see `client_wait_next` in src/cache/client.rs. */
const SEEN = { GRANTED: 0, BUSY: 1, CHANGED: 2, AWAY: 3 };
const NEXT = { RUN: -1, READ_AGAIN: -2, RUN_ALONE: -3 };

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class ClientLeases {
  #commands;
  #calls;
  #prefix;
  #can;
  /** By token: `{ key, until }` on the clock that nobody fakes. */
  #held = new Map();
  #isRenewing = false;
  #name = native.clientOwner();

  constructor(commands, calls, prefix, can) {
    this.#commands = commands;
    this.#calls = calls;
    this.#prefix = prefix;
    this.#can = can;
  }

  #full(key) {
    return `${this.#prefix}\u0001l:${key}`;
  }
  #owner(token) {
    return `${this.#name}:${token}`;
  }
  #eval(script, key, ...args) {
    return this.#calls.run(() => this.#commands.eval(script, [this.#full(key)], args));
  }

  /**
   * The token when the lease is ours, or nobody can say; 0: another's load has ended; -1: waited long enough.
   * `isThere`: whether the value has come.
   */
  async take(key, token, waitMs, isThere) {
    if (!this.#can('eval')) return token;
    const waiting = native.clientWait(waitMs);
    for (let elapsedMs = 0; ; ) {
      const seen = await this.#look(key, token, isThere);
      const next = native.clientWaitNext(waiting, seen, elapsedMs);
      if (next === NEXT.RUN) return token;
      if (next < 0) {
        this.release(key, token);
        return next === NEXT.READ_AGAIN ? 0 : -1;
      }
      await sleep(next);
      elapsedMs += next;
    }
  }
  async #look(key, token, isThere) {
    try {
      if (Number(await this.#eval(TAKE, key, this.#owner(token), LEASE_MS)) === 1) {
        this.#held.set(token, { key, until: this.#calls.elapsedMs() + LEASE_MS });
        this.#renewSoon();
        return SEEN.GRANTED;
      }
      return (await isThere()) ? SEEN.CHANGED : SEEN.BUSY;
    } catch {
      return SEEN.AWAY;
    }
  }

  /** Whether a load of that token may still store: nobody else can have got its lease. */
  holds(token) {
    const lease = this.#held.get(token);
    return lease === undefined || this.#calls.elapsedMs() < lease.until;
  }

  release(key, token) {
    if (this.#held.delete(token)) this.#eval(RELEASE, key, this.#owner(token)).catch(() => {});
  }

  #renewSoon() {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    this.#calls.after(RENEW_MS, () => void this.#renew());
  }
  async #renew() {
    const renewals = [...this.#held].map(async ([token, lease]) => {
      const asked = this.#calls.elapsedMs();
      const granted = Number(await this.#eval(TAKE, lease.key, this.#owner(token), LEASE_MS)) === 1;
      lease.until = granted ? asked + LEASE_MS : 0;
      // it ended while it was renewed
      if (!this.#held.has(token)) await this.#eval(RELEASE, lease.key, this.#owner(token));
    });
    // one that cannot be renewed runs out
    await Promise.allSettled(renewals);
    this.#isRenewing = false;
    if (this.#held.size > 0) this.#renewSoon();
  }

  close() {
    for (const [token, { key }] of [...this.#held]) this.release(key, token);
  }
}

module.exports = { ClientLeases };
