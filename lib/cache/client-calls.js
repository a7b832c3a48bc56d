'use strict';
// Calls to a client that the application has: each has a deadline in native time, and a breaker leaves a client alone
// that does not answer. What it missed meanwhile is told when it is back.
const native = require('../native');
const { once, hold, nextTurn, release } = require('../completion');
const { make } = require('../errors');
const { isAnswer } = require('./client-commands');
const { ClientWrites } = require('./client-writes');

class ClientCalls {
  /** Whether calls pass. */
  up = true;
  /** Why they do not. */
  reason = undefined;
  /** What it was not told. */
  writes;
  #watch;
  #timeoutMs;
  #on;
  #pending = new Set();
  #isArmed = false;
  #isClosed = false;
  #idle = undefined;
  #isMany;
  /** When any call was answered last; only where there are many servers. */
  #answeredAt = -1;

  /** `isMany`: it speaks for several servers, and is away only when none of them answers. `on`: `probe()` asks the client anything, `catchUp(missed, run, writes)` tells it what it missed; `down(error)`, `up()`. */
  constructor({ failures, probeMs, timeoutMs, isMany = false }, on) {
    this.#isMany = isMany;
    this.#watch = native.clientWatch(failures, probeMs);
    this.writes = new ClientWrites(this.#watch);
    this.#timeoutMs = timeoutMs;
    this.#on = on;
  }

  /** Runs a call. Rejects with what the client said, ERR_TIMEOUT, or, while the client is left alone, at once. */
  run(start) {
    return this.up ? this.#launch(start) : Promise.reject(this.reason);
  }

  #launch(start) {
    return new Promise((resolve, reject) => {
      const call = {
        since: this.elapsedMs(),
        late: () => {
          this.#end(call);
          const error = make('Redis', { detail: `no answer within ${this.#timeoutMs} ms` });
          this.#failed(error, call);
          reject(error);
        },
      };
      if (this.#pending.size === 0) hold();
      this.#pending.add(call);
      this.#arm(this.#timeoutMs);
      let said;
      try {
        said = Promise.resolve(start());
      } catch (error) {
        said = Promise.reject(error);
      }
      said.then(
        (value) => {
          if (!this.#end(call)) return; // too late: nobody waits any more
          this.#answered();
          resolve(value);
          this.#catchUpSoon();
        },
        (error) => {
          if (!this.#end(call)) return;
          if (isAnswer(error)) this.#answered();
          else this.#failed(error, call);
          reject(error);
        },
      );
    });
  }

  #end(call) {
    if (!this.#pending.delete(call)) return false;
    if (this.#pending.size === 0) {
      release();
      this.#idle?.();
    }
    return true;
  }

  /** One native timer for the oldest call; it looks at the next one when it fires. */
  #arm(ms) {
    if (this.#isArmed) return;
    this.#isArmed = true;
    // this object is kept: whoever waits for a call may have nothing else that leads to it
    this.after(ms, () => void this.#sweep());
  }
  async #sweep() {
    const now = this.elapsedMs();
    // a loop that was held up may have answers that it has not read yet
    await nextTurn();
    await nextTurn();
    this.#isArmed = false;
    for (const call of this.#pending) {
      const left = call.since + this.#timeoutMs - now;
      if (left > 0) return this.#arm(Math.ceil(left));
      call.late();
    }
  }

  /** Milliseconds on a clock that nobody fakes. */
  elapsedMs() {
    return native.clientElapsed(this.#watch);
  }
  /** Native time, which does not keep the process alive. */
  after(ms, run) {
    once(run, (shell, id) => native.clientAfter(shell, id, this.#watch, ms));
  }

  #answered() {
    if (this.#isMany) this.#answeredAt = this.elapsedMs();
    native.clientSucceeded(this.#watch);
  }
  #failed(error, { since }) {
    // another server has answered meanwhile
    if (this.#isMany && this.#answeredAt >= since) return;
    if (!native.clientFailed(this.#watch)) return;
    this.up = false;
    this.reason = error;
    this.#on.down(error);
    this.#probeSoon();
  }

  #probeSoon() {
    if (this.#isClosed) return;
    const wait = native.clientProbeIn(this.#watch);
    if (wait === null) return;
    // a cache that nobody has any more is not probed for
    const weak = new WeakRef(this);
    this.after(wait, () => void weak.deref()?.#probe());
  }

  async #probe() {
    if (this.#isClosed || !native.clientProbe(this.#watch)) return this.#probeSoon();
    let answers = true;
    try {
      await this.#launch(() => this.#on.probe());
      answers = await this.#catchUp();
    } catch (error) {
      answers = isAnswer(error);
    }
    if (this.#isClosed) return;
    if (native.clientProbed(this.#watch, answers)) {
      this.up = true;
      this.reason = undefined;
      this.#on.up();
    }
    this.#probeSoon();
  }

  /** A change that the client may not have heard of: `k` and a key, `g` and a glob, `p` and a prefix, `t` and a tag. */
  missed(what) {
    this.writes.missed(what);
  }
  /** Whether the server's value may be older than what it was not told. */
  distrusts(key) {
    return this.writes.isTelling || native.clientDistrusts(this.#watch, key);
  }

  /** Single calls failed and the next one did not: what they meant to say is said now. */
  #catchUpSoon() {
    if (!this.up || this.writes.isTelling || native.clientOwesNothing(this.#watch)) return;
    void this.#catchUp();
  }

  async #catchUp() {
    const { writes } = this;
    if (writes.isTelling) return false;
    writes.isTelling = true;
    let owed = [];
    try {
      // what is missed meanwhile comes behind
      while ((owed = writes.take()).length > 0) {
        await this.#on.catchUp(owed, (start) => this.#launch(start), writes);
        owed = [];
      }
      return true;
    } catch {
      return false;
    } finally {
      writes.putBack(owed);
      writes.isTelling = false;
      writes.settle();
    }
  }

  /** Settles when no call is pending. */
  async close() {
    this.#isClosed = true;
    if (this.#pending.size === 0) return;
    await new Promise((resolve) => {
      this.#idle = resolve;
    });
  }
}

module.exports = { ClientCalls };
