'use strict';
// The log of a durable buffer: what is accepted is on disk before anybody hears of it. The changes of one turn are one
// crossing, and one wake-up tells what became of them. See docs/design/batch.md, "The log".
const native = require('../native');
const { attempt, begin, subscribe, unsubscribe } = require('../completion');
const { call, fromNative } = require('../errors');
const { Changes } = require('./changes');
const { recover } = require('./recovery');
const { Restoration } = require('./restoration');
const { resultJson } = require('./idempotency');
const { rowOf } = require('./row');

/** Numbers for rows are taken in blocks. */
const LEASE = 1000;

/** Subscriptions of logs that were dropped without being closed. */
const registry = typeof FinalizationRegistry === 'function' ? new FinalizationRegistry(unsubscribe) : undefined;

class Durable {
  #codec;
  #flow;
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
  /** The last id that a letter of an earlier process was given. */
  #lastLetter = 0;
  #nextSeq = 0;
  #leaseEnd = 0;
  #recovering;
  #isClosing = false;
  #isClosed = false;
  #closed;
  #send = () => {
    this.#isSending = false;
    this.#submit();
  };
  /** What earlier processes had left is back: others may come now. */
  isReady = false;
  /** How many items that was. Never rejects. */
  recovered;

  /**
   * Opens the log of `flow` (lib/batch/flow.js); throws where it is asked for something impossible. `options` are `durable`
   * of lib/batch/options.js.
   */
  constructor(options, name, flow) {
    this.#codec = options.codec;
    this.#flow = flow;
    const weak = new WeakRef(this);
    subscribe((event) => weak.deref()?.#hear(event), (_, events) => (this.#subscription = events));
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
    this.isReady = true;
    this.#flow.unhold();
    return count;
  }
  #hear([event, detail]) {
    if (event === 'degraded') this.#degraded(fromNative(detail));
    else if (event === 'reopened') this.#resubmit();
    // what is not fetched before the end stays on disk, for the next that opens it
    else if (!this.#isClosing) this.#recovering = this.#recovering.then(() => this.#restore(detail));
  }
  #degraded(error) {
    this.#flow.emit('degraded', () => ['store', error]);
  }
  /** Takes in what others have left, so many items. */
  async #restore(expected) {
    let count = 0;
    try {
      count = await expected;
      const keep = (entry, letter) => {
        this.#live.set(entry.row.seq, entry);
        if (letter !== undefined) this.#letters.set(entry, letter);
      };
      await recover(this.#held, new Restoration(this.#flow, () => (this.#lastLetter += 1), keep));
    } catch (error) {
      this.#degraded(error);
    }
    if (count > 0) this.#flow.emit('recovered', () => [count]);
    return count;
  }
  /** There is a new file, and nothing of ours in it. */
  #resubmit() {
    const all = new Changes();
    for (const entry of this.#live.values()) {
      if (!entry.row.isStored) continue;
      all.accept(entry.row, entry.attempts, entry.key, entry.claim !== undefined);
      const letter = this.#letters.get(entry);
      if (letter !== undefined) all.bury(entry.row.seq, entry.attempts, letter.error, letter.died);
    }
    this.#cross(all, [], true);
  }

  /** Writes an item down, in memory; throws ERR_VALUE for what cannot be. */
  encode(entry) {
    entry.row = rowOf(this.#codec, entry.item);
    entry.item = undefined;
    entry.bytes = entry.row.bytes;
  }
  /** An item as it comes back from disk, a new one each time. */
  itemOf(entry) {
    return entry.row.value();
  }
  /** The machine's id of a public one; undefined when there is none, pending or dead. */
  idOf(number) {
    return this.#live.get(number)?.id;
  }
  /** Whether it is on disk. */
  keeps(entry) {
    return entry.row.isStored && this.#live.get(entry.row.seq) === entry;
  }

  /** It has found room: it is written to the disk, and accepted when that is done. */
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
    this.#sendSoon();
  }
  /** Delivered; a claimed key is remembered with the result. */
  succeeded(entry, result) {
    const { ttl } = this.#flow.config.idempotency ?? {};
    const seen = entry.claim === undefined ? undefined : { expires: Date.now() + ttl * 1000, result: resultJson(result) ?? null };
    this.#live.delete(entry.row.seq);
    this.#changes.complete(entry.row.seq, seen);
    this.#sendSoon();
  }
  /** It has failed and will be tried again. */
  tried(entry) {
    this.#changes.attempts(entry.row.seq, entry.attempts);
    this.#sendSoon();
  }
  /** It has failed for good. */
  buried(entry, error, died, isKept) {
    if (!isKept) return this.forgot(entry);
    this.#letters.set(entry, { error, died });
    this.#changes.bury(entry.row.seq, entry.attempts, error, died);
    this.#sendSoon();
  }
  /** A letter is tried again. */
  revived(entry) {
    this.#letters.delete(entry);
    this.#changes.requeue(entry.row.seq);
    this.#sendSoon();
  }
  /** Dropped, removed, given up, purged, refused, or never admitted. */
  forgot(entry) {
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
    for (const entry of accepted) entry.row.isStored = true;
    if (accepted.length > 0) this.#flow.stored(accepted.filter((entry) => this.#live.get(entry.row.seq) === entry), accepted[accepted.length - 1].id);
    this.#underway -= 1;
    if (this.#underway > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
  #refuse(entry, error) {
    if (entry === undefined || this.#live.get(entry.row.seq) !== entry) return;
    this.#live.delete(entry.row.seq);
    this.#flow.unstored(entry, error);
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
