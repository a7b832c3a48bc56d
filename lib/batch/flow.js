'use strict';
// The way of items through a buffer: brought, told to the machine, handed over, settled. What the machine says is read to
// its end before anybody's code runs: that waits in `#effects`, and whoever adds inside a handler goes on with them.
const { make } = require('../errors');
const { Elapsed } = require('../elapsed');
const { Batch } = require('./batch');
const { STATE } = require('./entry');
const { Lanes } = require('./lanes');
const { op, ADMIT_TO, IN_FLIGHT, SIZE, TURN, WAITING, WAKE_AT } = require('./layout');
const { Letters, letterOf, textOf } = require('./letters');
const { Machine } = require('./machine');
const { isRetryable, retryAfterMs } = require('./retryable');
const { settingsOf } = require('./settings');
const { Wake } = require('./wake');

const wallClock = () => Date.now();

class Flow {
  /** Options, all decided. */
  config;
  handler;
  /** Its name in error texts. */
  what;
  clock;
  letters = new Letters();
  /** Items handed over, each try counted. */
  handed = 0;
  /** Why nothing more is taken. */
  refusal;

  #emit;
  #machine;
  #lanes = new Lanes();
  #lane0;
  #wake;
  /** By their numbers. */
  #batches = [];
  /** Entries that have left before, by id: those that wait for another try, and with pull those that were taken. */
  #left = new Map();
  /** Entries without room whose callers (or whose log) wait for it, by id, in order. */
  #roomless = new Map();
  #flushes = new Map();
  #listed = [];
  #effects = [];
  #acted = 0;
  #random;
  #rejects;
  #onClosed;

  /**
   * `emit(event, ...args)` tells listeners, if there are any. Two further parts may be plugged in before `open`:
   *
   * `claims` (idempotency): `bring(entry)` is asked first, and calls `flow.admit(entry)` for what is new, at once or later,
   * or settles the entry itself when it repeats another. `succeeded(entry, result)`, `failed(entry, error)` and
   * `forgot(entry)` tell it how entries ended that it let through; `waiting` counts those that it holds.
   *
   * `log` (durable): `encode(entry)` is called before anything else and throws what cannot be encoded; it sets `entry.row`.
   * `accept(entry)` is called when there is room for it; it answers, later, with `flow.stored(id)` for all up to that id,
   * or `flow.unstored(entry, error)`. `itemOf(entry)` gives the item as it comes back from disk. `succeeded(entry, result)`,
   * `tried(entry)`, `buried(entry, text, died)`, `revived(entry)` and `forgot(entry)` say what became of it. Until
   * `flow.open(firstId)` is called entries wait in `#held`.
   */
  constructor(handler, config, what, emit) {
    this.handler = handler;
    this.config = config;
    this.what = what;
    this.claims = undefined;
    this.log = undefined;
    this.#emit = emit;
    this.clock = new Elapsed(config.now);
    this.#random = config.random ?? (() => Math.random());
    this.#rejects = config.overflow === 'reject';
    this.#lane0 = this.#lanes.of('');
    this.#wake = new Wake(this.clock, () => this.#ring(op.STEP), () => this.#ring(op.TURN));
  }
}
