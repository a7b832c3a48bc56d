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
    this.#keys ??= this.#batch.given().map((entry) => entry.key ?? '');
    return this.#keys;
  }
}

class Batch {
  #flow;
  #controller;
  /** Why it was given up, for a handler that asks for its signal after that. */
  #abortedBy;
  #over = false;
  /** Places of items that cannot be read back, where there are such: the handler is not given them. */
  #lost;

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

  /** The entries whose items the handler has. */
  given() {
    return this.#lost === undefined ? this.entries : this.entries.filter((_, place) => !this.#lost.has(place));
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
    let length = 0;
    for (let at = 0; at < entries.length; at += 1) {
      const { item, row } = entries[at];
      const value = row === undefined ? item : row.value();
      if (value === undefined && row !== undefined) (this.#lost ??= new Set()).add(at);
      else items[length++] = value;
    }
    items.length = length;
    if (length === 0) return void this.fail(unreadable());
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
    const length = this.entries.length - (this.#lost?.size ?? 0);
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
    this.#ended(isNothing ? undefined : results, failures);
  }
  /** Places are those of what the handler was given. */
  #ended(results, failures) {
    this.#over = true;
    if (this.#lost === undefined) return void this.#flow.ended(this, results, failures);
    const failed = new Map(failures?.map((failure) => [failure.place, failure]));
    const [all, ends] = [[], []];
    let next = 0;
    for (let place = 0; place < this.entries.length; place += 1) {
      if (this.#lost.has(place)) ends.push({ place, error: unreadable(), isFinal: true });
      else {
        if (failed.has(next)) ends.push({ ...failed.get(next), place });
        all[place] = results?.[next];
        next += 1;
      }
    }
    this.#flow.ended(this, all, ends);
  }
  /** Slots that are promises are waited for, and each fails its item only. */
  async #await(results) {
    const failures = [];
    let ended;
    try {
      ended = await Promise.allSettled(results);
      ended.forEach(({ status, value, reason }, place) => {
        if (status === 'rejected' || isError(value)) failures.push({ place, error: status === 'rejected' ? reason : value, isFinal: false });
      });
    } catch (error) {
      // as in `#end`
      this.fail(error, true);
      return;
    }
    if (this.#over) return;
    this.#ended(ended.map(({ value }) => value), failures.length === 0 ? undefined : failures);
  }

  /** All of it has failed. What its handler says later is not heard. */
  fail(error, isFinal = false) {
    if (this.#over) return;
    this.#over = true;
    const failed = (place) => (this.#lost?.has(place) ? { place, error: unreadable(), isFinal: true } : { place, error, isFinal });
    this.#flow.ended(this, undefined, this.entries.map((_, place) => failed(place)));
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

const unreadable = () => make('Value', { what: 'the item', detail: 'it cannot be read back from what was written' });
function wrongResults(length, results) {
  const option = 'what the handler returns';
  const range = `an array with one result for each of the ${length} items, or nothing`;
  return Array.isArray(results) ? make('OptionType', { option, range, value: `an array of ${results.length}` }) : wrongType(option, range, results);
}

const none = new Batch(undefined, 0, '', 'size', 1, []);
keepShape(none);
keepShape(new Context(none));

module.exports = { Batch };
