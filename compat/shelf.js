'use strict';
// The messages of a LocalBufferQueue: an array of those that wait, which anybody may change, beside the store that has them
// on disk; and those that are handed out.
const { make } = require('../lib/errors');

/** When the message of an id of `generateId` came: it begins with that; undefined: the id is another's. */
function timeOf(id) {
  const text = /^(\d+)-[0-9a-f]{12}$/.exec(id)?.[1];
  return text === undefined ? undefined : Number(text);
}

class Shelf {
  #queue;
  #wall;
  #openStore;
  #store;
  /** What is not handed out; how much of it was there, and what last, when it was last looked at. */
  #list = [];
  #count = 0;
  #last = undefined;
  /** All messages that are in the store or on their way there, by id; which of them are handed out; how the store calls them. */
  #byId = new Map();
  #taken = new Map();
  #rows = new Map();
  /** On their way to the disk. */
  #entering = new Set();
  #isClosed = false;

  /** `queue` has `options`, `metrics`, `logger` and `generateId()`; `wall()` is the time of day, `openStore()` makes the store. */
  constructor(queue, wall, openStore) {
    this.#queue = queue;
    this.#wall = wall;
    this.#openStore = openStore;
  }

  /** Opens the store: what earlier processes left is in the list then. */
  async open() {
    const store = this.#opened();
    await store.recovered;
    this.#collect();
  }
  #opened() {
    if (this.#isClosed) throw make('Closed', { what: 'the queue' });
    if (this.#store === undefined) {
      this.#store = this.#openStore();
      this.#store.on('recovered', () => this.#collect());
    }
    return this.#store;
  }
  /** Opens it too, and waits for what is on its way; so many of the list are about to be handed out. */
  async ready(count = 0) {
    this.look();
    await this.open();
    // one that was put in another's place
    if (this.#list.slice(0, count).some((message) => !this.#rows.has(message))) this.follow();
    await this.arrived();
    this.#collect();
  }

  get list() {
    return this.#list;
  }
  set list(messages) {
    this.#list = messages;
    this.follow();
  }
  get hasRoom() {
    return this.#byId.size < this.#queue.options.maxSize;
  }
  checkRoom(count) {
    const { maxSize } = this.#queue.options;
    const { size } = this.#byId;
    if (size + count <= maxSize) return;
    this.#queue.metrics.totalFailed += 1;
    throw make('BufferFull', { what: 'the queue', detail: `it holds ${size} of ${maxSize} messages, and ${count} more were brought` });
  }

  /** Takes a message: it is in the list at once, and on disk when the promise resolves. */
  put(message) {
    this.#list.push(message);
    this.#note();
    return this.#enter(message);
  }
  async #enter(message) {
    const { metrics } = this.#queue;
    this.#byId.set(message.id, message);
    let entering;
    try {
      entering = this.#opened().enqueue(message.data, { key: message.id });
      this.#entering.add(entering);
      this.#rows.set(message, await entering);
      metrics.totalEnqueued += 1;
      if (this.#byId.get(message.id) !== message) this.#finish(message);
    } catch (error) {
      metrics.totalFailed += 1;
      this.look();
      if (this.#byId.get(message.id) === message) this.#byId.delete(message.id);
      this.#drop(message);
      throw error;
    } finally {
      this.#entering.delete(entering);
      metrics.currentSize = this.#list.length;
    }
  }
  /** Resolves when all that is on its way has arrived, or was refused. */
  arrived() {
    return Promise.allSettled([...this.#entering]);
  }

  /** Takes out the oldest, so many at most, that `isWanted`; what was taken before is done. */
  take(count, isWanted) {
    this.#finishTaken();
    const batch = [];
    for (const message of this.#list) {
      if (batch.length === count) break;
      if (this.#rows.has(message) && isWanted(message)) batch.push(message);
    }
    for (const message of batch) this.#taken.set(message.id, message);
    // as a rule it is the beginning
    if (batch.at(-1) === this.#list[batch.length - 1]) this.#list.splice(0, batch.length);
    else this.#keepUntaken();
    this.#note();
    return batch;
  }
  /** A message has failed: its try is counted on disk, and one that was handed out is back. Undefined: there is none. */
  fail(id) {
    const message = this.#find(id);
    if (message === undefined) return undefined;
    this.#store.settle(this.#rows.get(message), new Error('retryFailed'));
    if (this.#taken.delete(id)) this.#list.push(message);
    this.#note();
    this.#collect();
    return message;
  }
  /** A message is done. False: there is none. */
  remove(id) {
    this.look();
    const message = this.#find(id);
    if (message === undefined) return false;
    if (!this.#taken.delete(id)) this.#drop(message);
    this.#finish(message);
    return true;
  }
  #find(id) {
    return this.#taken.get(id) ?? this.#list.find((message) => message.id === id);
  }

  /** What was handed out is done, the rest stays in the store. */
  async close() {
    this.follow();
    this.#isClosed = true;
    await this.arrived();
    this.#finishTaken();
    await this.#store?.close();
  }

  /** Takes everything out of the store's own line: which is handed out when is said here. */
  #collect() {
    if (this.#store === undefined || this.#isClosed) return;
    this.look();
    for (const { id: row, item, key, attempts, ageMs } of this.#store.take()) {
      const id = key ?? row;
      let message = this.#byId.get(id);
      if (message === undefined) {
        message = { id, data: item, timestamp: timeOf(id) ?? this.#wall() - ageMs, retryCount: attempts };
        this.#byId.set(id, message);
        this.#list.push(message);
      }
      message.data = item;
      this.#rows.set(message, row);
    }
    this.#note();
  }

  /** Looks whether something was done to the list by hand; what keeps its length and its end is seen by `follow`. */
  look() {
    const list = this.#list;
    if (list.length !== this.#count || list[list.length - 1] !== this.#last) this.follow();
  }
  /** This is how the list is known. */
  #note() {
    this.#count = this.#queue.metrics.currentSize = this.#list.length;
    this.#last = this.#list[this.#count - 1];
  }
  /** Follows what was done to the list by hand. */
  follow() {
    if (this.#isClosed) return;
    const present = new Set(this.#list);
    for (const message of [...this.#byId.values()]) if (!present.has(message) && !this.#taken.has(message.id)) this.#finish(message);
    this.#note();
    for (const message of present) {
      const known = this.#byId.get(message.id);
      // it may have been handed out, and put back
      if (known === message) this.#taken.delete(message.id);
      else this.#adopt(message, present.has(known));
    }
  }
  #adopt(message, isNamedAsAnother) {
    if (isNamedAsAnother) message.id = undefined;
    message.id ??= this.#queue.generateId();
    message.timestamp ??= this.#wall();
    message.retryCount ??= 0;
    this.#enter(message).catch((error) => this.#queue.logger?.error?.('LocalBufferQueue: a message was not taken', error));
  }

  /** The store is rid of it; one that is on its way there, as soon as it has arrived. */
  #finish(message) {
    if (this.#byId.get(message.id) === message) this.#byId.delete(message.id);
    const row = this.#rows.get(message);
    if (row === undefined) return;
    this.#rows.delete(message);
    if (!this.#store.settle(row)) this.#store.remove(row);
  }
  #finishTaken() {
    for (const message of this.#taken.values()) this.#finish(message);
    this.#taken.clear();
  }
  #drop(message) {
    const at = this.#list.indexOf(message);
    if (at >= 0) this.#list.splice(at, 1);
    this.#note();
  }
  #keepUntaken() {
    const list = this.#list;
    let count = 0;
    for (const message of list) if (!this.#taken.has(message.id)) list[count++] = message;
    list.length = count;
  }
}

module.exports = { Shelf, timeOf };
