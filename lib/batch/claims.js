'use strict';
// Claims of keys in Redis over our own connection: crates/io/src/claims, and crates/core/src/batch/claim.rs for what the
// keys hold. What is said in one run of JavaScript crosses together, in order.
const native = require('../native');
const { begin, subscribe, unsubscribe } = require('../completion');
const { call, fromNative } = require('../errors');
const { linkOf } = require('../redis-link');
const lease = require('./lease');
const { SAID } = require('./said');

const WORD = { ASK: 0, DONE: 1, FREE: 2 };

class Claims {
  #held;
  #on;
  #subscription;
  /** What was said and has not crossed. */
  #kinds = [];
  #keys = [];
  #results = [];
  /** Who asks, in order. */
  #places = [];
  #isSending = false;

  /**
   * `redis` as `readRedis` gives it. `on`: `answered()` places that asked are answered, `waited(place)` one that waited
   * is, `degraded(error)` Redis went away.
   */
  constructor(redis, ttlMs, on) {
    this.#on = on;
    const settings = JSON.stringify({ link: linkOf(redis), ttlMs: ttlMs === Infinity ? null : Math.ceil(ttlMs), leaseMs: lease.leaseMs });
    this.#subscription = subscribe(listener(on), (shell, id) => {
      this.#held = call(native.claimsOpen, shell, id, settings);
    });
  }

  /** Whose is the key of that place? Ours from now on, if nobody's. The answer goes to its `said`, `json` and `ms`. */
  ask(place) {
    this.#places.push(place);
    this.#say(WORD.ASK, place.key);
  }
  /** A key that is ours had its effect, with a result as JSON, or undefined. */
  done(key, json) {
    this.#say(WORD.DONE, key, json);
  }
  /** It had none. */
  free(key) {
    this.#say(WORD.FREE, key);
  }
  #say(kind, key, json) {
    this.#kinds.push(kind);
    this.#keys.push(key);
    this.#results.push(json);
    if (this.#isSending) return;
    this.#isSending = true;
    Promise.resolve().then(() => void this.#send());
  }
  async #send() {
    const [kinds, keys, results, places] = [this.#kinds, this.#keys, this.#results, this.#places];
    this.#kinds = [];
    this.#keys = [];
    this.#results = [];
    this.#places = [];
    this.#isSending = false;
    const said = await answers((shell, id) => native.claimsSay(shell, id, this.#held, kinds, keys, results));
    for (let at = 0; at < places.length; at++) fill(places[at], said, 3 * at);
    if (places.length > 0) this.#on.answered();
  }

  /** Waits until the key of that place, which another has, is done, or ours. */
  async wait(place) {
    // it asks for the key behind what was said of it
    if (this.#isSending) await undefined;
    fill(place, await answers((shell, id) => native.claimsWait(shell, id, this.#held, place.key)), 0);
    this.#on.waited(place);
  }

  /** Closes the connection after everything said. */
  async close() {
    if (this.#isSending) await undefined;
    await answers((shell, id) => native.claimsClose(shell, id, this.#held));
    unsubscribe(this.#subscription);
  }
}

/** A buffer that nobody has any more is not kept for this: a function of its own, that sees nothing else. */
function listener(on) {
  const told = new WeakRef(on);
  return (text) => told.deref()?.degraded(fromNative(text));
}
/** What native code answers; nothing, should it fail. */
const answers = (start) => begin(start).catch(() => undefined);
function fill(place, said, at) {
  place.said = said === undefined ? SAID.AWAY : said[at];
  place.json = said?.[at + 1];
  place.ms = said?.[at + 2] ?? -1;
}

module.exports = { Claims };
