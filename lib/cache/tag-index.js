'use strict';
// Which keys carry a tag, for values that JavaScript holds.

class TagIndex {
  #keys = new Map();

  add(key, tags) {
    for (const tag of tags) {
      const keys = this.#keys.get(tag);
      if (keys === undefined) this.#keys.set(tag, new Set([key]));
      else keys.add(key);
    }
  }

  remove(key, tags) {
    for (const tag of tags) {
      const keys = this.#keys.get(tag);
      if (keys !== undefined && keys.delete(key) && keys.size === 0) this.#keys.delete(tag);
    }
  }

  keys(tag) {
    return [...(this.#keys.get(tag) ?? [])];
  }

  clear() {
    this.#keys.clear();
  }
}

module.exports = { TagIndex };
