'use strict';
// What a log had kept goes back to where it was: items to their lanes, letters to the letters, keys to idempotency.
const { Entry, STATE } = require('./entry');
const { op } = require('./layout');
const { groupOf } = require('./options');
const { Row } = require('./row');

class Restoration {
  #flow;
  #letterId;
  #keep;

  /** `letterId()` gives ids that are older than those of items; `keep(entry, letter)` is told of each entry; `letter` is `{ error, died }` of one that is dead. */
  constructor(flow, letterId, keep) {
    this.#flow = flow;
    this.#letterId = letterId;
    this.#keep = keep;
  }

  row(seq, at, attempts, tag, payload, key) {
    const flow = this.#flow;
    const entry = this.#entry(seq, at, attempts, tag, payload, key);
    this.#keep(entry, undefined);
    if (flow.claims === undefined) flow.proceed(entry);
    else flow.claims.recover(entry);
  }
  letter(seq, at, attempts, tag, payload, key, error, died) {
    const flow = this.#flow;
    const entry = this.#entry(seq, at, attempts, tag, payload, key);
    entry.state = STATE.DEAD;
    entry.id = this.#letterId();
    this.#keep(entry, { error, died });
    flow.letters.put(entry, error, died);
    const evicted = flow.cross(op.ADOPT_DEAD, entry.id);
    if (evicted !== 0) flow.evict(evicted);
  }
  /** A key that is pending comes with its item. */
  seen(key, seq, expires, result) {
    if (seq === undefined) this.#flow.claims?.restore(key, `key:${key}`, expires - Date.now(), result);
  }
  /** Those of a page have arrived. */
  page() {
    this.#flow.do(op.STEP);
  }

  #entry(seq, at, attempts, tag, payload, key) {
    const entry = new Entry(undefined, key, true);
    entry.row = new Row(seq, tag, payload, at, true);
    entry.attempts = attempts;
    entry.bytes = entry.row.bytes;
    entry.group = this.#group(entry);
    return entry;
  }
  #group(entry) {
    const { groupBy } = this.#flow.config;
    if (groupBy === undefined) return '';
    try {
      return groupOf((0, groupBy)(entry.row.value()));
    } catch {
      // it was accepted: where it belongs no longer, it goes with those that belong nowhere
      return '';
    }
  }
}

module.exports = { Restoration };
