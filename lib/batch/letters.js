'use strict';
// Dead letters: entries that failed for good, oldest first. The machine says which are kept.
const { isError } = require('../errors');

/** What an error says, whatever was thrown. */
function textOf(error) {
  try {
    const text = isError(error) || typeof error?.message === 'string' ? error.message : error;
    return String(text) || String(error?.name ?? 'Error');
  } catch {
    return 'an error that cannot be shown';
  }
}

class Letters {
  #byId = new Map();

  get size() {
    return this.#byId.size;
  }
  /** Keeps an entry: why it died, and when, in milliseconds since 1970. */
  put(entry, text, died) {
    this.#byId.set(entry.id, { entry, text, died });
  }
  get(id) {
    return this.#byId.get(id)?.entry;
  }
  /** Takes one out: its entry; undefined when there is none. */
  take(id) {
    const kept = this.#byId.get(id);
    this.#byId.delete(id);
    return kept?.entry;
  }
  clear() {
    this.#byId.clear();
  }
  entries() {
    return Array.from(this.#byId.values(), ({ entry }) => entry);
  }
  /** As the owner sees them; `itemOf` gives an entry's item. */
  list(itemOf) {
    return Array.from(this.#byId.values(), ({ entry, text, died }) => letterOf(entry, itemOf(entry), text, died));
  }
}

const letterOf = (entry, item, text, died) => (
  { id: entry.publicId, item, key: entry.key, error: text, attempts: entry.attempts, at: new Date(died) });

module.exports = { Letters, letterOf, textOf };
