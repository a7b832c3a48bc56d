'use strict';
// The log of a durable buffer: what is accepted is on disk before anybody hears of it. The changes of one turn are one
// crossing, and one wake-up tells what became of them. See docs/design/batch.md, "The log".
const native = require('../native');
const { attempt, begin, subscribe, unsubscribe } = require('../completion');
const { call, fromNative } = require('../errors');
const { Changes } = require('./changes');
const { recover } = require('./recovery');
const { Row, rowOf } = require('./row');

/** Numbers for rows are taken in blocks. */
const LEASE = 1000;

// not inside the class: what is made there holds the log, and so would whoever is subscribed
const subscribeWeakly = (weak) => subscribe((event) => weak.deref()?.hear(event), () => undefined);
/** Subscriptions of logs that were dropped without being closed. */
const registry = typeof FinalizationRegistry === 'function' ? new FinalizationRegistry(unsubscribe) : undefined;

class Durable {
  #codec;
  #owner;
  #held;
  #subscription;
  #changes = new Changes();
  /** Entries whose accept is among the changes. */
  #accepted = [];
  #isSending = false;
  /** Submissions that are on their way, and who waits for them. */
  #underway = 0;
  #idle = [];
  /** Entries that have a row, pending or dead, by its number. */
  #live = new Map();
  /** Error text and time of those that are dead. */
  #letters = new Map();
  #nextSeq = 0;
  #leaseEnd = 0;
  #recovering;
  #isClosing = false;
  /** Something was recovered that was not fetched. */
  #isPartial = false;
  #isClosed = false;
  #closed;
  #send = () => {
    this.#isSending = false;
    this.#submit();
  };
  #to = {
    row: (seq, at, attempts, tag, payload, key) => this.#owner.restored(new Row(seq, tag, payload, at, true), key, attempts),
    letter: (seq, at, attempts, tag, payload, key, error, died) =>
      this.#owner.buried(new Row(seq, tag, payload, at, true), key, attempts, error, died),
    seen: (key, seq, expires, result) => this.#owner.seen(key, seq, expires, result),
  };

  /** What earlier processes had left is back, and what came meanwhile has gone on: others may come now. The owner says so. */
  isReady = false;
  /** How many items that was. Never rejects. */
  recovered;

  /**
   * Opens the log; throws where it is asked for something impossible. `options` are `durable` of lib/batch/options.js.
   * The owner has, each told in the order of acceptance:
   * - `restored(row, key, attempts)`: an item comes back, to be told to `keep`,
   * - `buried(row, key, attempts, error, died)`: so does a dead letter,
   * - `seen(key, seq, expires, result)`: an idempotency key, before the item `seq` that it is pending for,
   * - `ready()`: all of that is done; `recovered(count)`: so many items are back, now or later,
   * - `refused(entry, error)`: the log has not taken it; `stored(entries)`: it has taken those that it has not refused,
   * - `degraded(error)`.
   */
  constructor(options, name, owner) {
    this.#codec = options.codec;
    this.#owner = owner;
    this.#subscription = subscribeWeakly(new WeakRef(this));
    let opening;
    try {
      opening = attempt((shell, id) => {
        const { path, maxBytes, exclusive, fsync } = options;
        this.#held = native.logOpen(
          shell, id, this.#subscription, path, name, maxBytes, exclusive, fsync === 'always', options.import, Date.now(),
        );
      });
    } catch (error) {
      unsubscribe(this.#subscription);
      throw error;
    }
    registry?.register(this, this.#subscription, this);
    this.recovered = this.#recovering = this.#open(opening);
  }

  async #open(opening) {
    const count = await this.#restore(opening);
    this.#owner.ready();
    return count;
  }
  /** An event of the log. */
  hear([event, detail]) {
    if (event === 'degraded') this.#owner.degraded(fromNative(detail));
    // in the order of events: what is not fetched yet is unsettled too
    else if (event === 'reopened') this.#recovering = this.#recovering.then(() => this.#resubmit());
    else this.#recovering = this.#recovering.then(() => this.#adopt(detail));
  }
  async #adopt(count) {
    // what is not fetched stays on disk, for the next that opens it
    if (this.#isClosing) {
      this.#isPartial = true;
      return;
    }
    await this.#restore(count);
    this.#owner.ready();
  }
  /** Takes in what others have left, so many items. */
  async #restore(expected) {
    let count = 0;
    try {
      count = await expected;
      await recover(this.#held, this.#to);
    } catch (error) {
      this.#owner.degraded(error);
    }
    if (count > 0) this.#owner.recovered(count);
    return count;
  }
  /** There is a new file, and nothing of ours in it. */
  #resubmit() {
    // the old file goes when this is stored: it has what was not fetched
    if (this.#isClosed || this.#isPartial) return;
    const all = new Changes();
    for (const entry of this.#live.values()) {
      if (!entry.row.isStored) continue;
      all.accept(entry.row, entry.attempts, entry.key, entry.claim !== undefined);
      const letter = this.#letters.get(entry);
      if (letter !== undefined) all.bury(entry.row.seq, entry.attempts, letter.error, letter.died);
    }
    this.#cross(all, [], true);
  }

  /** The row of an item that comes; throws ERR_VALUE for what cannot be written down. */
  rowOf(item) {
    return rowOf(this.#codec, item);
  }
  /** An entry that comes back; `letter` is `{ error, died }` of one that is dead. */
  keep(entry, letter) {
    this.#live.set(entry.row.seq, entry);
    if (letter !== undefined) this.#letters.set(entry, letter);
  }
  /** The entry of that public id. */
  find(id) {
    return this.#live.get(Number(id));
  }

  /** It has found room: it is written down, and accepted when that is done. */
  accept(entry) {
    const { row } = entry;
    if (this.#nextSeq === this.#leaseEnd) {
      this.#nextSeq = call(native.logLease, this.#held, LEASE);
      this.#leaseEnd = this.#nextSeq + LEASE;
    }
    row.seq = this.#nextSeq;
    this.#nextSeq += 1;
    this.#live.set(row.seq, entry);
    this.#changes.accept(row, entry.attempts, entry.key, entry.claim !== undefined);
    this.#accepted.push(entry);
    if (this.#changes.isMuch) this.#submit();
    else this.#sendSoon();
  }
  /** Delivered. `seen` is `{ expires, result }` where its key is claimed. */
  complete(entry, seen) {
    this.#live.delete(entry.row.seq);
    this.#changes.complete(entry.row.seq, seen);
    this.#sendSoon();
  }
  /** It has failed so many times and will be tried again. */
  attempts(entry, attempts) {
    this.#changes.attempts(entry.row.seq, attempts);
    this.#sendSoon();
  }
  /** It has failed for good and its letter is kept. */
  bury(entry, attempts, error, died) {
    this.#letters.set(entry, { error, died });
    this.#changes.bury(entry.row.seq, attempts, error, died);
    this.#sendSoon();
  }
  /** A letter is tried again. */
  requeue(entry) {
    this.#letters.delete(entry);
    this.#changes.requeue(entry.row.seq);
    this.#sendSoon();
  }
  /** Dropped, removed, given up, purged, refused, or never admitted. */
  forget(entry) {
    const { seq } = entry.row;
    if (this.#live.get(seq) !== entry) return;
    this.#live.delete(seq);
    this.#letters.delete(entry);
    this.#changes.forget(seq);
    this.#sendSoon();
  }

  #sendSoon() {
    if (this.#isSending) return;
    this.#isSending = true;
    Promise.resolve().then(this.#send);
  }
  #submit() {
    if (this.#changes.isEmpty || this.#isClosed) return;
    const accepted = this.#accepted;
    this.#accepted = [];
    this.#cross(this.#changes, accepted, false);
  }
  /** `isAll`: the answer to a file that is new. */
  #cross(changes, accepted, isAll) {
    const [numbers, text, bytes] = changes.take();
    this.#underway += 1;
    begin((shell, id) => native.logSubmit(shell, id, this.#held, numbers, text, bytes, isAll, Date.now())).then(
      (refused) => this.#settled(accepted, refused),
      (error) => this.#settled(accepted, undefined, error),
    );
  }
  /** `refused` is `[seq, error, …]` of those refused alone; with an error all are. */
  #settled(accepted, refused, error) {
    if (error !== undefined) for (const entry of accepted) this.#refuse(entry, error);
    else if (refused) for (let at = 0; at < refused.length; at += 2) this.#refuse(this.#live.get(refused[at]), fromNative(refused[at + 1]));
    for (const entry of accepted) entry.row.isStored = this.#live.get(entry.row.seq) === entry;
    if (accepted.length > 0) this.#owner.stored(accepted);
    this.#underway -= 1;
    if (this.#underway > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
  #refuse(entry, error) {
    // one that was sent once more, or is gone meanwhile, waits for no answer
    if (entry === undefined || entry.row.isStored || this.#live.get(entry.row.seq) !== entry) return;
    this.#live.delete(entry.row.seq);
    this.#owner.refused(entry, error);
  }

  /** Resolves when nothing is on its way to the disk. */
  settled() {
    this.#submit();
    return this.#underway === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
  /** Lets go of the log when all that it was told is on disk; what it holds stays there. */
  close() {
    this.#closed ??= this.#close();
    return this.#closed;
  }
  async #close() {
    this.#isClosing = true;
    await this.#recovering;
    while (this.#underway > 0 || !this.#changes.isEmpty) await this.settled();
    this.#isClosed = true;
    await begin((shell, id) => native.logClose(shell, id, this.#held));
    registry?.unregister(this);
    unsubscribe(this.#subscription);
  }
}

module.exports = { Durable };
