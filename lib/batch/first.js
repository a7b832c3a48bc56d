'use strict';
// The first item of a key, as those that repeat it see it: they get what becomes of it.

class First {
  key;
  /** Its place among the keys that are known; see crates/core/src/batch/seen.rs. */
  slot;
  /** The first item's id, once it is accepted. */
  id = undefined;
  isDone = false;
  /** Its result, once it is delivered. */
  value = undefined;
  #results = undefined;
  #ids = undefined;

  constructor(key, slot) {
    this.key = key;
    this.slot = slot;
  }

  /** Calls with its result, or with the error of a first that failed for good; at once where that is known. */
  follow(resolve, reject) {
    if (this.isDone) resolve(this.value);
    else (this.#results ??= []).push(resolve, reject);
  }
  /** Calls with its id once it is accepted, or with why it was not. */
  followId(resolve, reject) {
    if (this.id !== undefined) resolve(this.id);
    else (this.#ids ??= []).push(resolve, reject);
  }

  accepted(id) {
    this.id = id;
    this.#ids = tell(this.#ids, 0, id);
  }
  done(value) {
    this.isDone = true;
    this.value = value;
    this.#results = tell(this.#results, 0, value);
  }
  failed(error) {
    this.#ids = tell(this.#ids, 1, error);
    this.#results = tell(this.#results, 1, error);
  }
}

/** Calls every other function of a list; the list is empty then. */
function tell(list, from, value) {
  for (let at = from; list !== undefined && at < list.length; at += 2) list[at](value);
  return undefined;
}

module.exports = { First };
