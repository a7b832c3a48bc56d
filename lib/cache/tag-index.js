'use strict';
// Which keys carry a tag, for values that JavaScript holds.

class TagIndex {
  #keys = new Map();
  #tags = new Map();

  /** Those are the tags of a key from now on. */
  set(key, tags) {
    const before = this.#tags.get(key);
    if (before === undefined && tags.length === 0) return;
    for (const tag of before ?? []) {
      const keys = this.#keys.get(tag);
      keys.delete(key);
      if (keys.size === 0) this.#keys.delete(tag);
    }
    const own = new Set(tags);
    if (own.size === 0) this.#tags.delete(key);
    else this.#tags.set(key, own);
    for (const tag of own) {
      const keys = this.#keys.get(tag);
      if (keys === undefined) this.#keys.set(tag, new Set([key]));
      else keys.add(key);
    }
  }

  keys(tag) {
    return [...(this.#keys.get(tag) ?? [])];
  }

  clear() {
    this.#keys.clear();
    this.#tags.clear();
  }
}

module.exports = { TagIndex };
