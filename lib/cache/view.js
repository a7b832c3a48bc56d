'use strict';
// A view of the tiers: the cache itself, or a namespace of it. What is its own: a prefix, near values, being closed.
const { make } = require('../errors');

/** Where there are no near values. */
const NOWHERE = { get: () => undefined, fill: () => false, delete: () => false, clear() {} };

class View {
  constructor(tiers, prefix) {
    this.tiers = tiers;
    /** Before each key, in all tiers. */
    this.prefix = prefix;
    /** Live values by key, behind `nearPrefix`: those of the whole cache, or near ones of this view only. */
    this.near = tiers.live ?? tiers.newNear(prefix) ?? NOWHERE;
    this.nearPrefix = tiers.live ? prefix : '';
    this.closed = false;
    this.emitter = undefined;
  }

  /** Itself, for use; throws when it is closed. The first use starts the tiers. */
  open() {
    if (this.closed || this.tiers.closed) throw make('Closed', { what: this.tiers.what });
    this.tiers.begin();
    return this;
  }

  /** Of a namespace: concerns the view only. */
  async close() {
    this.closed = true;
    if (this.prefix === '') {
      await this.tiers.close();
      return;
    }
    this.tiers.deaf(this);
    // values of a reference store are the whole cache's
    if (this.nearPrefix === '') this.near.clear();
  }
}

module.exports = { View, NOWHERE };
