'use strict';
// What of a noun is neither closed nor collected in this thread, for metrics().

class Alive {
  #refs = new Set();
  #collected = new FinalizationRegistry((ref) => this.#refs.delete(ref));

  /** Notes one; what it returns ends that. */
  live(one) {
    const ref = new WeakRef(one);
    this.#refs.add(ref);
    this.#collected.register(one, ref, ref);
    return () => {
      this.#refs.delete(ref);
      this.#collected.unregister(ref);
    };
  }
  list() {
    return [...this.#refs].map((ref) => ref.deref()).filter((one) => one !== undefined);
  }
}

module.exports = { caches: new Alive(), buffers: new Alive(), limiters: new Alive(), keyedLimiters: new Alive() };
