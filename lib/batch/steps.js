'use strict';
// The steps of a buffer's machine. What it says is read to its end before anybody's code runs; that waits among the effects,
// and whoever steps next, as an `add` inside a handler does, goes on with them.
const { Elapsed } = require('../elapsed');
const { op, IN_FLIGHT, TURN, WAKE_AT } = require('./layout');
const { Machine } = require('./machine');
const { settingsOf } = require('./settings');
const { Told } = require('./told');
const { Wake } = require('./wake');

const settled = Promise.resolve();

class Steps {
  /** Batches with the handler, by their numbers. */
  batches = [];
  /** How many those are. */
  flying = 0;
  /** Nothing that the machine says can be counted on: it is not asked any more. */
  isBroken = false;
  /** Batches, and functions, that wait to be run; those before `#acted` have been. */
  #effects = [];
  #acted = 0;
  /** What has ended will be told in a microtask. */
  #isTelling = false;
  #watchesFlight;

  constructor(config, handler, firstId, emit) {
    this.config = config;
    this.handler = handler;
    this.emit = emit;
    this.clock = new Elapsed(config.now);
    this.machine = new Machine(settingsOf(config, handler === null), firstId, new Told(this));
    this.wake = new Wake(this.clock, { ring: () => this.do(op.STEP), turn: () => this.do(op.TURN), look: () => this.#look() });
    this.#watchesFlight = config.handlerTimeoutMs === 0 && handler !== null;
  }

  now() {
    return Math.floor(this.clock.moment());
  }

  /** Crosses; what is to be done then waits for `act`. `heard` is told what it answers before anything that follows from it. */
  cross(operation, a = 0, b = 0, heard = undefined) {
    return this.tell((machine, now) => machine.step(operation, a, b, now, heard));
  }
  /** The same with a call of the machine's own. */
  tell(run) {
    if (this.isBroken) return 0;
    let result;
    try {
      result = run(this.machine, this.now());
    } catch (error) {
      this.break(error);
      return 0;
    }
    this.#watch();
    return result;
  }
  /** Crosses, and acts. */
  do(operation, a = 0, b = 0) {
    if (this.isBroken) return 0;
    let result = 0;
    try {
      result = this.machine.step(operation, a, b, this.now());
      this.#watch();
    } catch (error) {
      this.break(error);
    }
    if (this.#effects.length > 0) this.act();
    return result;
  }
  #watch() {
    const { machine } = this;
    const wakeAt = machine.number(WAKE_AT);
    if (!this.wake.covers(wakeAt)) {
      if (this.batches.some((batch) => batch !== undefined && batch.deadline === wakeAt)) this.wake.later(wakeAt);
      else this.wake.at(wakeAt);
    }
    if (machine.number(TURN) === 1) this.wake.soon();
    if (this.#watchesFlight) this.wake.keep(machine.number(IN_FLIGHT) > 0);
  }
  #look() {
    const wakeAt = this.machine.number(WAKE_AT);
    if (wakeAt <= this.now()) this.do(op.STEP);
    else if (!this.wake.covers(wakeAt)) this.wake.at(wakeAt);
  }
  /** Runs what waits to be run: handlers, listeners. */
  act() {
    const effects = this.#effects;
    while (this.#acted < effects.length) {
      const effect = effects[this.#acted];
      this.#acted += 1;
      if (typeof effect === 'function') effect();
      else effect.run();
    }
    // quicker than to cut it off: it is one as a rule
    while (effects.length > 0) effects.pop();
    this.#acted = 0;
  }
  /** A batch or a function that is to be run when the machine has said all. */
  later(effect) {
    this.#effects.push(effect);
  }
  /** A listener is to be told. */
  notify(event, makeArgs) {
    this.#effects.push(() => this.emit(event, makeArgs));
  }

  /** A batch has ended, all of it delivered. While others are in flight and nobody waits for that, many such are one crossing. */
  wentWell(number, items) {
    if (this.machine.ends(number, items) || this.flying === 0) this.do(op.STEP);
    else if (!this.#isTelling) {
      this.#isTelling = true;
      settled.then(this.#tellEndings);
    }
  }
  #tellEndings = () => {
    this.#isTelling = false;
    if (this.machine.hasEndings) this.do(op.STEP);
  };

  /** Nothing waits for time any more. */
  rest() {
    this.wake.clear();
    this.wake.keep(false);
  }
}

module.exports = { Steps };
