'use strict';
// Leases of loads in Redis, by EVAL through an injected client: one loader across hosts.
const native = require('../native');

const LEASE_MS = 10_000;
const RENEW_MS = Math.floor(LEASE_MS / 3);

const [TAKE, RELEASE] = native.clientScripts();

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

  #owner(token) {
    return `${this.#name}:${token}`;
  }
  /** Lease and counter as the client is told them, which puts its own prefix before keys. */
  #keys(key) {
    const { ownPrefix, isCluster } = this.#commands;
    const [lease, counter, keptMs] = native.clientLeaseKeys(ownPrefix + this.#prefix, key, isCluster);
    return [lease.slice(ownPrefix.length), counter.slice(ownPrefix.length), keptMs];
  }
  /** Takes or renews; whether it is ours. */
  async #take(key, token) {
    const [lease, counter, keptMs] = this.#keys(key);
    const fence = await this.#calls.run(() => this.#commands.eval(TAKE, [lease, counter], [this.#owner(token), LEASE_MS, keptMs]));
    return Number(fence) > 0;
  }
  #giveBack(key, token) {
    const [lease] = this.#keys(key);
    return this.#calls.run(() => this.#commands.eval(RELEASE, [lease], [this.#owner(token)])).catch(() => {});
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
      const asked = this.#calls.elapsedMs();
      if (await this.#take(key, token)) {
        this.#held.set(token, { key, until: asked + LEASE_MS });
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
    if (this.#held.delete(token)) void this.#giveBack(key, token);
  }

  #renewSoon() {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    this.#calls.after(RENEW_MS, () => void this.#renew());
  }
  async #renew() {
    const renewals = [...this.#held].map(async ([token, lease]) => {
      const asked = this.#calls.elapsedMs();
      const granted = await this.#take(lease.key, token);
      lease.until = granted ? asked + LEASE_MS : 0;
      // it ended while it was renewed
      if (!this.#held.has(token)) await this.#giveBack(lease.key, token);
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
