'use strict';
// The way of items through a buffer: brought, told to the machine, handed over, settled.
const { aborted, make } = require('../errors');
const { bytesOf } = require('./bytes');
const { Entry, FullEntry, STATE } = require('./entry');
const { discard, ended, giveUp } = require('./ending');
const { Lanes } = require('./lanes');
const { op, DEAD_LETTERS, IN_FLIGHT, LINGERING, OLDEST_AGE, SIZE, WAITING } = require('./layout');
const { Letters } = require('./letters');
const { groupOf } = require('./options');
const { Returning } = require('./returning');
const { settingsOf } = require('./settings');
const { Steps } = require('./steps');
const { heed } = require('../signals');

const FIRST_BESIDE_LETTERS = 2 ** 32;

class Flow extends Steps {
  letters = new Letters();
  lanes = new Lanes();
  /** Entries that have left before, by id: they wait for another try, or were taken by the owner. */
  left = new Map();
  /** Items handed over, each try counted. */
  handed = 0;
  /** Why nothing more is taken: an error for each caller. */
  refusal = undefined;
  /** The machine takes nothing more, not even what comes back from disk. */
  isEnding = false;
  /** What `take` is being told. */
  taking = undefined;
  /** Until when `close` hands items over. */
  closesAt = Infinity;
  /** That is no limit: nothing more is handed over, and what is in flight may take its time. */
  endsAtOnce = false;
  /** Called when the machine has closed. */
  onClosed = undefined;
  /** Idempotency and the log, where they are on: see `plug`. */
  claims = undefined;
  log = undefined;
  /** Entries that wait for the log to be open. */
  held = [];

  #returning = new Returning(this);
  #giveUp = (entry, error) => giveUp(this, entry, error);
  #lane0 = this.lanes.of('');
  #isPlain;
  #isMeasured;
  #rejects;
  /** Entries without room, by id and in order, when somebody is to hear that there is. */
  roomless = new Map();
  /** Who waits for a flush, by its ticket. */
  flushes = new Map();

  /** `config`: options, all decided; `what`: the buffer in error texts; `emit(event, makeArgs)`: tells who listens. */
  constructor(handler, config, what, emit) {
    // letters that come back from disk have numbers of their own, below
    super(config, handler, config.durable === undefined ? 1 : FIRST_BESIDE_LETTERS, emit);
    this.what = what;
    this.random = config.random ?? (() => Math.random());
    this.#rejects = config.overflow === 'reject';
    this.#isMeasured = config.batchBytes !== undefined;
    this.#isPlain = !this.#isMeasured && config.durable === undefined && config.groupBy === undefined && config.idempotency === undefined;
  }

  /** An entry's item as a handler is given it. */
  itemOf(entry) {
    return entry.row === undefined ? entry.item : entry.row.value();
  }

  /** An item comes. The promise is of its id once it is accepted (`isEnqueued`), else of its result. */
  bring(item, key, signal, isEnqueued) {
    if (this.refusal !== undefined) return Promise.reject(this.refusal());
    if (signal !== undefined && signal.aborted) return Promise.reject(aborted(signal, 'the item'));
    const entry = this.#isPlain ? new Entry(item, key, isEnqueued) : new FullEntry(item, key, isEnqueued);
    if (!this.#isPlain) {
      try {
        this.#prepare(entry);
      } catch (error) {
        return Promise.reject(error);
      }
      // what it called may have closed the buffer
      if (this.refusal !== undefined) return Promise.reject(this.refusal());
    }
    const promise = entry.promise();
    if (signal !== undefined) heed(signal, entry, this.#giveUp);
    // the log may know the key: it is asked for when that is open
    if (this.#isOpening) this.held.push(entry);
    else this.#enter(entry);
    return promise;
  }

  /** What callers' functions and the codec make of it. */
  #prepare(entry) {
    const { groupBy } = this.config;
    if (this.claims !== undefined) entry.key = this.claims.keyOf(entry.item, entry.key);
    if (groupBy !== undefined) entry.group = groupOf((0, groupBy)(entry.item));
    if (this.log !== undefined) this.written(entry, this.log.rowOf(entry.item));
    else if (this.#isMeasured) entry.bytes = bytesOf(entry.item);
  }
  /** An entry is what its row says from now on. */
  written(entry, row) {
    entry.writtenAs(row);
    if (this.#isMeasured) entry.bytes = row.bytes;
  }

  #enter(entry) {
    if (this.claims === undefined) this.proceed(entry);
    else this.#claim(entry);
  }
  #claim(entry) {
    const first = entry.key === null ? undefined : this.claims.claim(entry);
    if (first === undefined) return this.claims.enter(entry);
    const [resolve, reject] = [(value) => entry.succeed(value), (error) => entry.fail(error)];
    if (entry.isEnqueued) first.followId(resolve, reject);
    else first.follow(resolve, reject);
    return undefined;
  }

  /** An entry goes on to the machine. */
  proceed(entry) {
    if (entry.isGone) return;
    if (entry.row !== undefined && entry.row.isStored) this.#returning.restore(entry);
    else this.#arrive(entry);
  }
  /** A letter that comes back from disk. */
  bury(entry, text, died) {
    this.#returning.bury(entry, text, died);
  }
  /** All that the log had kept is back: those that have come meanwhile may go on. */
  ready() {
    // what listeners and handlers bring meanwhile comes behind
    while (this.held.length > 0) for (const entry of this.held.splice(0)) if (!entry.isGone) this.#enter(entry);
    this.log.isReady = true;
    this.do(op.STEP);
  }

  #arrive(entry) {
    const { machine } = this;
    let { hasRoom } = machine;
    let isLate = false;
    if (!hasRoom && machine.hasEndings) {
      // those have made room
      this.cross(op.STEP);
      ({ hasRoom } = machine);
      isLate = true;
    }
    if (!hasRoom && this.#rejects) {
      discard(this, entry, this.full());
      if (isLate) this.act();
      return;
    }
    const lane = entry.group === '' ? this.#lane0 : this.lanes.of(entry.group);
    entry.at = this.now();
    const isDue = machine.arrive(lane.number, entry.bytes, entry.at, this.wake.ringsAt);
    entry.id = machine.lastId;
    entry.lane = lane;
    lane.push(entry);
    if (!hasRoom) {
      if (entry.isEnqueued || !this.#isPlain) this.roomless.set(entry.id, entry);
    } else if (entry.isEnqueued || !this.#isPlain) {
      this.findsRoom(entry);
    }
    if (isDue || this.wake.isLost) this.do(op.STEP);
    else if (isLate) this.act();
  }
  findsRoom(entry) {
    if (this.log === undefined) this.accepted(entry);
    else this.log.accept(entry);
  }
  /** It is in memory, or on disk when there is a log. */
  accepted(entry) {
    if (this.claims !== undefined) this.claims.accepted(entry, entry.publicId);
    if (entry.isEnqueued) entry.succeed(entry.publicId);
  }

  /** The entry of that id that has not left, or waits for another try. */
  find(id, laneNumber) {
    return this.left.get(id) ?? this.lanes.at(laneNumber).find(id);
  }
  full() {
    return make('BufferFull', { what: this.what, detail: `it holds ${this.config.maxSize} items` });
  }

  /** A letter had to go for a newer one. */
  evict(id) {
    const entry = this.letters.take(id);
    if (entry === undefined) return;
    this.notify('dropped', () => [this.itemOf(entry), 'dead-letters']);
    if (this.log !== undefined) this.log.forget(entry);
  }
  /** How a batch has ended. */
  ended(batch, results, failures) {
    ended(this, batch, results, failures);
  }
  /** Native code has failed: nothing can be counted on any more, and nobody is left waiting. */
  break(error) {
    this.isBroken = true;
    this.refusal = () => error;
    const entries = this.all();
    this.lanes = new Lanes();
    this.left.clear();
    this.roomless.clear();
    for (const entry of entries) {
      entry.state = STATE.GONE;
      entry.fail(error);
    }
    for (const batch of this.batches) batch?.abandon(error);
    this.batches = [];
    for (const resolve of [...this.flushes.values()].flat()) resolve();
    this.flushes.clear();
    this.rest();
    if (this.onClosed !== undefined) this.later(() => this.onClosed());
  }
  /** All that is not settled, in no order. */
  all() {
    const away = this.batches.flatMap((batch) => batch?.entries ?? []);
    return [...this.lanes.list(), ...this.left.values(), ...away, ...this.held];
  }

  flush() {
    const line = this.claims?.settledLine();
    return line === undefined && !this.#isOpening ? this.#flush() : this.#flushLater(line);
  }
  get #isOpening() {
    return this.log !== undefined && !this.log.isReady;
  }
  /** What a claim or the opening of the log holds up was brought before the call as well, and so was what comes back. */
  async #flushLater(line) {
    await line;
    if (this.#isOpening) {
      await this.log.recovered;
      await this.claims?.settledLine();
    }
    await this.#flush();
  }
  #flush() {
    const ticket = this.cross(op.FLUSH);
    // calls that wait for the same items have one ticket
    if (ticket !== 0 && !this.flushes.has(ticket)) this.flushes.set(ticket, []);
    const done = ticket === 0 ? Promise.resolve() : new Promise((resolve) => this.flushes.get(ticket).push(resolve));
    this.act();
    return done;
  }
  /** Items that are not accepted yet. */
  get waiting() {
    return this.machine.number(WAITING) + this.held.length + (this.claims === undefined ? 0 : this.claims.entering);
  }
  /** The numbers are those of this moment; what has become due meanwhile is done. */
  refresh() {
    this.do(op.STATUS);
  }
  /** Other limits from now on, of options as `readLimits` gives them. */
  update(limits) {
    Object.assign(this.config, limits);
    const settings = settingsOf(this.config, this.handler === null);
    this.tell((machine, now) => machine.update(settings, now));
    this.act();
  }
  /** How the buffer stands. */
  status() {
    const { machine, config } = this;
    this.refresh();
    const size = machine.number(SIZE);
    return {
      size,
      waiting: this.waiting,
      batchSize: config.batchSize,
      batchTimeout: config.batchTimeout,
      hasActiveTimer: machine.number(LINGERING) === 1,
      inFlight: machine.number(IN_FLIGHT),
      maxSize: config.maxSize,
      usage: size / config.maxSize,
      deadLetters: machine.number(DEAD_LETTERS),
      oldestAgeMs: machine.number(OLDEST_AGE),
    };
  }
}

module.exports = { Flow };
