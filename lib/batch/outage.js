'use strict';
// Whether an injected client is away: told once, from the first call in vain until it answers again. The same rule as
// crates/io/src/claims/outage.rs has for our own connection.

/** A call that answers so soon after one that did not says nothing: of a cluster another master may be away. */
const SETTLED_MS = 1000;

class Outage {
  #tell;
  #tellOver;
  #now;
  /** When a call failed last; undefined: it is not away. */
  #failedAt = undefined;

  constructor(tell, now, tellOver = () => {}) {
    this.#tell = tell;
    this.#tellOver = tellOver;
    this.#now = now;
  }
  failed(error) {
    const isFirst = this.#failedAt === undefined;
    this.#failedAt = this.#now();
    if (isFirst) this.#tell(error);
  }
  /** A call that began then was answered. */
  answered(began) {
    if (this.#failedAt !== undefined && began - this.#failedAt >= SETTLED_MS) this.over();
  }
  over() {
    const wasAway = this.#failedAt !== undefined;
    this.#failedAt = undefined;
    if (wasAway) this.#tellOver();
  }
}

module.exports = { Outage };
