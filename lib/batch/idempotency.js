'use strict';
// Idempotency of one buffer: repeats of a key get what becomes of its first item. The keys are known to native code
// (crates/core/src/batch/seen.rs), by slots; what belongs to a key lies here, by slot. With Redis a first is asked for
// there before it goes on; all items stand in one line then, so that none overtakes another, and leave it in the order
// of the calls. One whose key another instance has leaves the line and waits for that one's end.
const native = require('../native');
const { call } = require('../errors');
const { Claims } = require('./claims');
const { ClientClaims } = require('./claims-client');
const { First } = require('./first');
const { checkKey } = require('./key');
const { SAID } = require('./said');

/** What `seenClaim` answers, besides the slot. */
const FRESH = 0;

/** An item in the line. */
class Place {
  entry;
  /** Its key in Redis; null: it only keeps its place. */
  key;
  said = SAID.NOTHING_YET;
  /** The result of another instance's item as JSON, and the milliseconds that its key lives on (-1: not known). */
  json = undefined;
  ms = -1;
  isGone = false;

  constructor(entry) {
    this.entry = entry;
    this.key = entry.key;
  }
}

class Idempotency {
  /** Repeats since the start, or since `resetStats`: the owner sets it to 0. */
  duplicates = 0;
  #makeKey;
  #seen;
  #host;
  #claims;
  /** Of pending and done keys, by slot. */
  #firsts = [];
  #line = [];
  #head = 0;
  #waiting = new Set();
  #entering = 0;
  #isAdvancing = false;
  #idle = [];

  /**
   * `options` as `readOptions` of lib/batch/options.js gives them. `host`: `now()` elapsed milliseconds; `proceed(entry)`
   * an item goes on to the machine, `later(run)` when it is not listened to; `settled(entry, value)` it had its effect
   * elsewhere and goes nowhere; `degraded(error)` Redis is away. Entries have a `key` (null: none), and get `claim` and
   * `place`, which are undefined at first.
   */
  constructor({ key, ttl, localLimit, redis }, host) {
    this.#makeKey = key;
    this.#host = host;
    this.#seen = native.seenOpen(localLimit, ttl * 1000);
    if (redis === undefined) return;
    const on = {
      answered: () => this.#advance(),
      waited: (place) => this.#waited(place),
      degraded: (error) => host.degraded(error),
    };
    this.#claims = redis.client === undefined ? new Claims(redis, ttl * 1000, on) : new ClientClaims(redis, ttl * 1000, on);
  }

  /** The key of an item: the one of the call (null: none), else what the option makes of the item. Throws what is none. */
  keyOf(item, given) {
    if (given !== null || this.#makeKey === undefined) return given;
    return checkKey((0, this.#makeKey)(item), 'what idempotency.key returns');
  }

  #now() {
    return Math.floor(this.#host.now());
  }

  /** Asks for an entry's key, here. Undefined: it is the first, to `enter`; else the first, to `follow` or `followId`. */
  claim(entry) {
    const first = this.#claim(entry);
    if (first !== undefined) this.duplicates += 1;
    return first;
  }
  #claim(entry) {
    const answer = call(native.seenClaim, this.#seen, entry.key, this.#now());
    const slot = Math.floor(answer / 4);
    if (answer % 4 !== FRESH) return this.#firsts[slot];
    entry.claim = this.#firsts[slot] = new First(entry.key, slot);
    return undefined;
  }

  /** An entry, with a key that it has claimed or without, goes on: now, or when its turn has come. */
  enter(entry) {
    const isOpen = this.#claims === undefined || (entry.claim === undefined && this.#head === this.#line.length);
    if (isOpen) return this.#host.proceed(entry);
    const place = (entry.place = new Place(entry));
    this.#line.push(place);
    this.#entering += 1;
    if (entry.claim === undefined) place.said = SAID.OURS;
    else this.#claims.ask(place);
  }

  /** An entry that an earlier process had accepted: as `claim` and `enter`; what it repeats settles it. */
  recover(entry) {
    if (entry.key === null) return this.enter(entry);
    const first = this.claim(entry);
    if (first === undefined) return this.enter(entry);
    const failed = (error) => {
      // one that is closed leaves it on disk; nothing goes on while the machine is listened to
      if (error?.code !== 'ERR_CLOSED') this.#host.later(() => entry.isGone || this.recover(entry));
    };
    first.follow((value) => this.#host.settled(entry, value), failed);
  }
  /** A dead letter is sent again, whatever its key says; it claims that where it is free. */
  reclaim(entry) {
    if (entry.key === null || this.#claim(entry) !== undefined) return;
    entry.claim.accepted(entry.publicId);
    // nobody waits for the answer
    this.#claims?.ask(new Place(entry));
  }
  /** A key that an earlier process had seen done, for so many milliseconds more, with a result as JSON or undefined. */
  restore(key, id, leftMs, json) {
    const entry = { key, claim: undefined };
    if (this.#claim(entry) !== undefined) return;
    entry.claim.accepted(id);
    this.#remember(entry.claim, parsed(json), leftMs);
  }

  /** How many have not gone on yet. */
  get entering() {
    return this.#entering;
  }
  /** Their entries, in the order of the line. */
  entries() {
    const places = [...this.#waiting, ...this.#line.slice(this.#head).filter(({ isGone }) => !isGone)];
    return places.map(({ entry }) => entry);
  }
  /** Resolves when all that stand in the line by now have left it; undefined: nobody does. */
  settledLine() {
    if (this.#head === this.#line.length) return undefined;
    const last = this.#line[this.#line.length - 1];
    return new Promise((resolve) => this.#idle.push({ last, resolve }));
  }
  /** Takes an entry out that has not gone on; false: it has. Its claim ends with `failed`. */
  withdraw(entry) {
    const place = entry.place;
    if (place === undefined || place.isGone) return false;
    this.#isOut(place);
    this.#waiting.delete(place);
    this.#advance();
    return true;
  }
  /** Takes all of them out, as `entries` lists them. */
  withdrawAll() {
    return this.entries().filter((entry) => this.withdraw(entry));
  }

  /** An entry has its id: repeats that were queued get it too. */
  accepted(entry, id) {
    entry.claim?.accepted(id);
  }
  /** An entry was delivered. `json`: its result as `resultJson` gives it, where that is known. */
  done(entry, value, json) {
    const first = entry.claim;
    if (first === undefined) return;
    entry.claim = undefined;
    this.#forget(call(native.seenDone, this.#seen, first.slot, this.#now()));
    first.done(value);
    this.#claims?.done(first.key, json ?? resultJson(value));
  }
  /** An entry failed for good: its key is free, and repeats fail as it does. */
  failed(entry, error) {
    const first = entry.claim;
    if (first === undefined) return;
    this.#claims?.free(first.key);
    this.kept(entry, error);
  }
  /** An entry stays on disk when the buffer closes: its key in Redis stays claimed until the lease ends. */
  kept(entry, error) {
    const first = entry.claim;
    if (first === undefined) return;
    entry.claim = undefined;
    call(native.seenRelease, this.#seen, first.slot);
    this.#firsts[first.slot] = undefined;
    first.failed(error);
  }

  /** Ends the connection to Redis, after what was to be told. */
  close() {
    return this.#claims === undefined ? Promise.resolve() : this.#claims.close();
  }

  #remember(first, value, leftMs) {
    const now = this.#now();
    if (leftMs > 0) {
      this.#forget(call(native.seenDoneUntil, this.#seen, first.slot, now + Math.ceil(leftMs), now));
    } else {
      call(native.seenRelease, this.#seen, first.slot);
      this.#forget(first.slot);
    }
    first.done(value);
  }
  #forget(slot) {
    if (slot >= 0) this.#firsts[slot] = undefined;
  }

  /** Lets go on who is at the head and answered; handlers that run meanwhile may enter others. */
  #advance() {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    try {
      while (this.#head < this.#line.length) {
        const place = this.#line[this.#head];
        if (!place.isGone && place.said === SAID.NOTHING_YET) break;
        this.#line[this.#head] = undefined;
        this.#head += 1;
        if (!place.isGone) this.#leave(place);
        this.#tellIdle(place);
      }
    } finally {
      this.#isAdvancing = false;
      if (this.#head > 64 && this.#head * 2 > this.#line.length) {
        this.#line.splice(0, this.#head);
        this.#head = 0;
      }
    }
  }
  #leave(place) {
    if (place.said === SAID.BUSY) {
      this.#waiting.add(place);
      this.#claims.wait(place);
      return;
    }
    const { entry } = place;
    this.#isOut(place);
    if (place.said === SAID.DONE) this.#settle(entry, place);
    else this.#host.proceed(entry);
  }
  #isOut(place) {
    place.isGone = true;
    place.entry.place = undefined;
    this.#entering -= 1;
  }
  #waited(place) {
    if (!this.#waiting.delete(place)) return;
    this.#leave(place);
  }
  /** It had its effect elsewhere. */
  #settle(entry, { json, ms }) {
    const first = entry.claim;
    entry.claim = undefined;
    this.duplicates += 1;
    const value = parsed(json);
    // it has no id here
    first.accepted(`key:${first.key}`);
    this.#remember(first, value, ms);
    this.#host.settled(entry, value);
  }
  #tellIdle(place) {
    while (this.#idle.length > 0 && this.#idle[0].last === place) this.#idle.shift().resolve();
  }
}

const MOST_RESULT_BYTES = 4096;
/** A result as it is kept for other processes: JSON up to 4 KiB; undefined: it is not kept. */
function resultJson(value) {
  let json;
  try {
    json = JSON.stringify(value);
  } catch {
    return undefined; // what JSON cannot say
  }
  return json !== undefined && Buffer.byteLength(json) <= MOST_RESULT_BYTES ? json : undefined;
}
function parsed(json) {
  if (json === undefined || json === null) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // not ours
  }
}

module.exports = { Idempotency, resultJson };
