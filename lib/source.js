'use strict';
// An upstream of any kind, read without waiting: `read()` gives the next item, PENDING or END, or throws what the
// upstream failed with; `notify` is called when another try may give more.
const { wrongType } = require('./options');

const PENDING = Symbol('pending');
const END = Symbol('end');

const ignore = () => {};

/** A Node.js Readable. */
class ReadableSource {
  /** Chunks are the reader's: nobody writes into them again. */
  owned = true;
  #stream;
  #listeners;
  #error;
  #over;

  constructor(stream, notify) {
    this.#stream = stream;
    this.#error = stream.errored ?? undefined;
    this.#over = stream.readableEnded === true || stream.destroyed === true;
    const over = () => {
      this.#over = true;
      notify();
    };
    const fail = (error) => {
      this.#error = error;
      notify();
    };
    this.#listeners = { readable: notify, end: over, close: over, error: fail };
    for (const [event, listener] of Object.entries(this.#listeners)) stream.on(event, listener);
  }

  read() {
    const item = this.#stream.read();
    if (item !== null) return item;
    if (this.#error !== undefined) throw this.#error;
    return this.#over ? END : PENDING;
  }

  cancel() {
    const stream = this.#stream;
    if (stream.closed === true || typeof stream.destroy !== 'function') return;
    // some report their destruction as an error, which nobody waits for any more
    stream.on('error', ignore);
    stream.once('close', () => stream.off('error', ignore));
    stream.destroy();
  }

  detach() {
    for (const [event, listener] of Object.entries(this.#listeners)) this.#stream.off(event, listener);
  }
}

/** What gives its items by promises: `next` of an iterator, `read` of a web stream's reader. */
class PullSource {
  owned = false;
  #next;
  #cancel;
  #notify;
  #settled = null;
  #asked = false;
  #over = false;

  constructor(next, cancel, notify) {
    this.#next = next;
    this.#cancel = cancel;
    this.#notify = notify;
  }

  read() {
    const settled = this.#settled;
    if (settled !== null) {
      this.#settled = null;
      this.#asked = false;
      if (settled.failed) {
        this.#over = true;
        throw settled.error;
      }
      if (!settled.result.done) return settled.result.value;
      this.#over = true;
    }
    if (this.#over) return END;
    if (!this.#asked) this.#ask();
    return PENDING;
  }

  #ask() {
    this.#asked = true;
    const settle = (settled) => {
      this.#settled = settled;
      this.#notify();
    };
    new Promise((resolve) => resolve(this.#next())).then(
      (result) => settle({ failed: false, result }),
      (error) => settle({ failed: true, error }),
    );
  }

  cancel(reason) {
    if (this.#over) return;
    this.#over = true;
    new Promise((resolve) => resolve(this.#cancel(reason))).catch(ignore);
  }

  detach() {
    this.#notify = ignore;
  }
}

/** The upstream as a source. */
function open(upstream, notify) {
  if (typeof upstream?.read === 'function' && typeof upstream.on === 'function') return new ReadableSource(upstream, notify);
  if (typeof upstream?.getReader === 'function') {
    if (upstream.locked) throw wrongType('upstream', 'a stream that nobody else reads', upstream);
    const reader = upstream.getReader();
    return new PullSource(() => reader.read(), (reason) => reader.cancel(reason), notify);
  }
  const iterate = upstream?.[Symbol.asyncIterator] ?? upstream?.[Symbol.iterator];
  if (typeof iterate !== 'function' || typeof upstream === 'string' || ArrayBuffer.isView(upstream)) {
    throw wrongType('upstream', 'a Readable, an async iterable or a ReadableStream', upstream);
  }
  const iterator = iterate.call(upstream);
  const cancel = () => {
    // an iterator that waits cannot return before it has what it waits for; SDKs' streams can be aborted
    if (typeof upstream.controller?.abort === 'function') upstream.controller.abort();
    return iterator.return?.();
  };
  return new PullSource(() => iterator.next(), cancel, notify);
}

module.exports = { open, PENDING, END };
