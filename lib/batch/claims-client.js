'use strict';
// Claims of keys in Redis through a client that the application has: as `Claims`, by commands sent from here, so that
// what the client settles in microtasks settles so here. Renewals and waits are native time.
const native = require('../native');
const { hold, release } = require('../completion');
const { ClientCalls } = require('../cache/client-calls');
const { ClientCommands, isAnswer } = require('../cache/client-commands');
const { make } = require('../errors');
const lease = require('./lease');
const { Outage } = require('./outage');
const { SAID } = require('./said');

const [RENEW, FINISH, RELEASE] = native.claimScripts();
/** Ends that could not be told are tried again, so many at most, until the lease has run out. */
const MOST_UNTOLD = 10_000;
const TELL_AGAIN_MS = 500;

class ClientClaims {
  #commands;
  #calls;
  #prefix;
  #ttlMs;
  #leaseMs = lease.leaseMs;
  #on;
  #outage;
  #owner = native.clientOwner();
  #count = 0;
  #canEval;
  /** What each claim of ours holds, by key. */
  #held = new Map();
  /** Places that wait for another's claim. */
  #waiting = new Set();
  #untold = 0;
  /** Of clients without scripts: the last thing that is done about a key. */
  #turns = new Map();
  #isRenewing = false;
  #isClosed = false;

  /** `redis` as `readRedis` gives it; `on` as for `Claims`. */
  constructor({ client, keyPrefix, commandTimeoutMs, breaker }, ttlMs, on) {
    this.#commands = new ClientCommands(client);
    this.#canEval = this.#commands.can('eval');
    this.#prefix = keyPrefix;
    this.#ttlMs = ttlMs === Infinity ? Infinity : Math.ceil(ttlMs);
    this.#on = on;
    const { failures, probeMs } = breaker === false ? { failures: 0, probeMs: 1000 } : breaker;
    this.#calls = new ClientCalls({ failures, probeMs, timeoutMs: commandTimeoutMs }, {
      probe: () => this.#commands.probe(`${keyPrefix}\u0001p`),
      catchUp: () => {},
      down: (error) => this.#outage.failed(away(error)),
      up: () => this.#outage.over(),
    });
    this.#outage = new Outage((error) => on.degraded(error), () => this.#calls.elapsedMs());
  }

  ask(place) {
    void this.#ask(place);
  }
  async #ask(place) {
    const value = this.#fresh();
    // held from now on: where nobody can say, a renewal claims it later
    this.#hold(place.key, value);
    const answer = await this.#look(place.key, value, 0);
    if ((answer.said === SAID.DONE || answer.said === SAID.BUSY) && this.#held.get(place.key) === value) this.#held.delete(place.key);
    fill(place, answer);
    this.#on.answered();
  }

  /** Takes a key or sees what it holds: `{ said, json, ms, left }`. */
  async #look(key, value, looks) {
    try {
      return await this.#run(async () => {
        const full = this.#prefix + key;
        if (await this.#commands.claim(full, value, this.#leaseMs)) return { said: SAID.OURS, json: undefined, ms: -1, left: -1 };
        const [[found, left]] = await this.#commands.read([full]);
        // a key of another type is somebody else's mark
        const text = typeof found === 'string' || found === null ? found : '';
        const [said, json, ms] = native.claimAnswer(text, value, left ?? -1, looks);
        return { said, json, ms, left: left ?? -1 };
      });
    } catch {
      return { said: SAID.AWAY, json: undefined, ms: -1, left: -1 };
    }
  }

  async wait(place) {
    this.#waiting.add(place);
    hold();
    const answer = await this.#waited(place);
    release();
    if (!this.#waiting.delete(place)) return;
    fill(place, answer);
    this.#on.waited(place);
  }
  async #waited(place) {
    let until = this.#calls.elapsedMs() + this.#leaseMs;
    for (let looks = 0; ; looks += 1) {
      const value = this.#fresh();
      const answer = await this.#look(place.key, value, looks);
      const now = this.#calls.elapsedMs();
      const isWaiting = this.#waiting.has(place);
      if (answer.said === SAID.OURS || (answer.said === SAID.AWAY && now >= until)) {
        if (isWaiting) this.#hold(place.key, value);
        else if (answer.said === SAID.OURS) this.#end(() => this.#release(place.key, value));
        return answer;
      }
      if (answer.said === SAID.DONE || !isWaiting || this.#isClosed) return answer;
      if (answer.said === SAID.BUSY) until = now + (answer.left >= 0 ? answer.left : this.#leaseMs);
      await this.#sleep(answer.said === SAID.BUSY ? answer.ms : TELL_AGAIN_MS);
    }
  }

  done(key, json) {
    const value = this.#held.get(key);
    if (!this.#held.delete(key)) return;
    const done = native.claimDone(json);
    this.#end(() => this.#finish(key, value, done));
  }
  free(key) {
    for (const place of this.#waiting) {
      if (place.key === key) this.#waiting.delete(place);
    }
    const value = this.#held.get(key);
    if (this.#held.delete(key)) this.#end(() => this.#release(key, value));
  }
  /** Tells an end, again until the lease has run out. */
  #end(tell, until = this.#calls.elapsedMs() + this.#leaseMs) {
    this.#run(tell).catch(() => {
      if (this.#isClosed || this.#untold >= MOST_UNTOLD || this.#calls.elapsedMs() >= until) return;
      this.#untold += 1;
      this.#calls.after(TELL_AGAIN_MS, () => {
        this.#untold -= 1;
        this.#end(tell, until);
      });
    });
  }

  #finish(key, value, done) {
    const full = this.#prefix + key;
    return this.#script(FINISH, full, [value, done, this.#ttlMs === Infinity ? 0 : this.#ttlMs], async (held) => {
      if (held === null || held === value) await this.#commands.set(full, done, this.#ttlMs, false);
    });
  }
  #release(key, value) {
    const full = this.#prefix + key;
    return this.#script(RELEASE, full, [value], async (held) => {
      if (held === value) await this.#commands.del([full]);
    });
  }
  #renew(key, value) {
    const full = this.#prefix + key;
    return this.#script(RENEW, full, [value, this.#leaseMs], async (held) => {
      if (held === null || held === value) await this.#commands.set(full, value, this.#leaseMs, false);
    });
  }
  /** A script; where the client has none, `otherwise(held)` with what the key holds, which another may change meanwhile. */
  async #script(script, full, args, otherwise) {
    if (this.#canEval) {
      try {
        return await this.#commands.eval(script, [full], args);
      } catch (error) {
        if (!isAnswer(error)) throw error;
        this.#canEval = false;
      }
    }
    return this.#inTurn(full, async () => {
      const [[held]] = await this.#commands.read([full]);
      return otherwise(held);
    });
  }
  /** What takes several commands about a key is done before the next of them begins. */
  #inTurn(full, work) {
    const turn = (this.#turns.get(full) ?? Promise.resolve()).then(work, work);
    this.#turns.set(full, turn);
    const end = () => {
      if (this.#turns.get(full) === turn) this.#turns.delete(full);
    };
    turn.then(end, end);
    return turn;
  }

  async #run(start) {
    const began = this.#calls.elapsedMs();
    try {
      const said = await this.#calls.run(start);
      this.#outage.answered(began);
      return said;
    } catch (error) {
      this.#outage.failed(away(error));
      throw error;
    }
  }
  #fresh() {
    this.#count += 1;
    return native.claimPending(`${this.#owner}:${this.#count}`);
  }
  #hold(key, value) {
    this.#held.set(key, value);
    this.#renewSoon();
  }
  #renewSoon() {
    if (this.#isRenewing || this.#isClosed) return;
    this.#isRenewing = true;
    this.#calls.after(Math.floor(this.#leaseMs / 3), () => void this.#renewAll());
  }
  async #renewAll() {
    // one that cannot be renewed runs out
    if (!this.#isClosed) await Promise.allSettled([...this.#held].map(([key, value]) => this.#run(() => this.#renew(key, value))));
    this.#isRenewing = false;
    if (this.#held.size > 0) this.#renewSoon();
  }
  #sleep(ms) {
    return new Promise((resolve) => this.#calls.after(ms, resolve));
  }

  /** Waits for what was said; the client is the application's. */
  async close() {
    this.#isClosed = true;
    await this.#calls.close();
  }
}

function fill(place, { said, json, left }) {
  place.said = said;
  place.json = json;
  place.ms = left;
}
/** As the event says it. */
const away = (error) => (error?.code === 'ERR_REDIS' ? error : make('Redis', { detail: error?.message ?? String(error) }, error));

module.exports = { ClientClaims };
