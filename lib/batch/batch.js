'use strict';
// A batch that is with the handler.
const { isError, make } = require('../errors');
const { wrongType } = require('../options');
const { keepShape } = require('../shapes');

/** What a handler is told besides the items. */
class Context {
  #batch;
  /** 1 on the first try. */
  attempt;
  reason;
  group;
  #keys;

  constructor(batch) {
    this.#batch = batch;
    this.attempt = batch.attempt;
    this.reason = batch.reason;
    this.group = batch.group;
  }
  // made when they are asked for: a controller costs more than the rest of a batch
  get signal() {
    return this.#batch.signal();
  }
  /** Of each item, '' for one without. */
  get keys() {
    this.#keys ??= this.#batch.entries.map((entry) => entry.key ?? '');
    return this.#keys;
  }
}

class Batch {
  #flow;
  #controller;
  /** Why it was given up, for a handler that asks for its signal after that. */
  #abortedBy;
  #over = false;

  /** `flow` is told how it ends, by `ended(batch, results, failures)`; `failures` are `{ place, error, isFinal }`. */
  constructor(flow, number, group, reason, attempt, entries) {
    this.#flow = flow;
    this.number = number;
    this.group = group;
    this.reason = reason;
    this.attempt = attempt;
    this.entries = entries;
    /** When its handler has had its time. */
    this.deadline = Infinity;
  }

  signal() {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortedBy !== undefined) this.#controller.abort(this.#abortedBy);
    }
    return this.#controller.signal;
  }
  #abort(reason) {
    this.#abortedBy = reason;
    this.#controller?.abort(reason);
  }

  /** Hands it over. */
  run() {
    if (this.#over) return;
    const { entries } = this;
    const items = new Array(entries.length);
    for (let at = 0; at < entries.length; at += 1) {
      const { item, row } = entries[at];
      items[at] = row === undefined ? item : row.value();
    }
    let pending;
    try {
      pending = Promise.resolve((0, this.#flow.handler)(items, new Context(this)));
    } catch (error) {
      pending = Promise.reject(error);
    }
    pending.then((results) => this.#end(results), (error) => this.fail(error));
  }

  #end(results) {
    if (this.#over) return;
    const { length } = this.entries;
    const isNothing = results === undefined || results === null;
    if (!isNothing && (!Array.isArray(results) || results.length !== length)) {
      // what it did is done: another try would do it twice
      this.fail(wrongResults(length, results), true);
      return;
    }
    let failures;
    try {
      for (let place = 0; place < length && !isNothing; place += 1) {
        const result = results[place];
        if (typeof result !== 'object' || result === null || isPlain(result)) continue;
        if (isError(result)) (failures ??= []).push({ place, error: result, isFinal: false });
        else if (typeof result.then === 'function') return void this.#await(results);
      }
    } catch (error) {
      // a result that cannot be looked at
      this.fail(error, true);
      return;
    }
    this.#over = true;
    this.#flow.ended(this, isNothing ? undefined : results, failures);
  }
  /** Slots that are promises are waited for, and each fails its item only. */
  async #await(results) {
    const ended = await Promise.allSettled(results);
    if (this.#over) return;
    this.#over = true;
    const failures = [];
    ended.forEach(({ status, value, reason }, place) => {
      if (status === 'rejected' || isError(value)) failures.push({ place, error: status === 'rejected' ? reason : value, isFinal: false });
    });
    this.#flow.ended(this, ended.map(({ value }) => value), failures.length === 0 ? undefined : failures);
  }

  /** All of it has failed. What its handler says later is not heard. */
  fail(error, isFinal = false) {
    if (this.#over) return;
    this.#over = true;
    this.#flow.ended(this, undefined, this.entries.map((_, place) => ({ place, error, isFinal })));
  }

  /** The handler has had its time. */
  timeOut(timeoutMs) {
    if (this.#over) return;
    const error = make('Timeout', { what: 'the handler', timeoutMs });
    // told first: its place is about to be another's
    this.#abort(error);
    this.fail(error);
  }

  /** Nobody waits for it any more. */
  abandon(reason) {
    this.#over = true;
    this.#abort(reason);
  }
}

/** Neither an error nor a promise: asking each for its tag would cost more than the rest of its way. */
const isPlain = (value) => Object.getPrototypeOf(value) === Object.prototype;

function wrongResults(length, results) {
  const option = 'what the handler returns';
  const range = `an array with one result for each of the ${length} items, or nothing`;
  return Array.isArray(results) ? make('OptionType', { option, range, value: `an array of ${results.length}` }) : wrongType(option, range, results);
}

const none = new Batch(undefined, 0, '', 'size', 1, []);
keepShape(none);
keepShape(new Context(none));

module.exports = { Batch };
