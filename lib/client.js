'use strict';
// The client's side of a pipe: headers with the first bytes, one write per piece, what is not flushed yet, the end.
const { OutgoingMessage } = require('node:http');
const { Socket } = require('node:net');
const SLOTS = 8;
const LARGEST_SLOT_BYTES = 256 * 1024;
/** Up to here a copy out of Node's own pool costs less than to wait for the write's callback. */
const LARGEST_COPY_BYTES = 512;
const CONTENT_TYPES = {
  sse: 'text/event-stream',
  ndjson: 'application/x-ndjson',
  'aws-eventstream': 'application/vnd.amazon.eventstream',
};
// what a write says when the other end has hung up: that is no failure of the client's
const GONE = new Set([
  'EPIPE', 'ECONNRESET', 'ECONNABORTED', 'ECANCELED', 'ENOTCONN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_HTTP2_INVALID_STREAM', 'ERR_HTTP2_STREAM_CANCEL', 'ERR_HTTP2_STREAM_ERROR', 'ERR_HTTP2_SESSION_ERROR',
]);

const ignore = () => {};

class Client {
  /** It left, or somebody else ended it. */
  gone = false;
  /** It finished: everything was handed over. */
  finished = false;
  /** What a write failed with. */
  error = undefined;
  /** Bytes of the answer so far; heartbeats do not count. */
  bytesSent = 0;
  #stream;
  #headers;
  #notify;
  #listeners;
  #needsDrain;
  #reuses;
  #flush;
  #begun = false;
  #ended = false;
  #slots = [];
  #turn = 0;

  constructor(stream, headers, notify) {
    this.#stream = stream;
    this.#headers = headers;
    this.#notify = notify;
    this.gone = stream.destroyed === true || stream.stream?.destroyed === true || stream.writableEnded === true;
    this.#needsDrain = stream.writableNeedDrain === true;
    // a socket has done with a buffer when it says that it is written; a Writable of somebody's own may keep it
    this.#reuses = stream instanceof OutgoingMessage || stream instanceof Socket || this.#isHttp2;
    // what a compressing middleware adds, so that events do not wait for each other
    this.#flush = this.#reuses && typeof stream.flush === 'function';
    this.#listeners = {
      drain: () => {
        this.#needsDrain = false;
        notify();
      },
      finish: () => {
        // HTTP/2 responses say so too when they were cancelled
        if (this.#ended && !(stream.stream?.rstCode > 0)) this.finished = true;
        else this.#leave();
        notify();
      },
      close: () => {
        if (!this.finished) this.#leave(stream.errored ?? undefined);
        notify();
      },
      error: (error) => {
        this.#leave(error);
        notify();
      },
    };
    for (const [event, listener] of Object.entries(this.#listeners)) stream.on?.(event, listener);
  }

  /** Takes more: it is not waited for. */
  get ready() {
    return !this.#needsDrain;
  }

  /** A status can still be sent. */
  get silent() {
    return this.#headers !== false && this.bytesSent === 0 && !this.#ended && this.#stream.headersSent !== true
      && typeof this.#stream.setHeader === 'function';
  }

  get #open() {
    if (this.gone || this.error !== undefined || this.#ended) return false;
    const stream = this.#stream;
    if (stream.destroyed !== true && stream.stream?.destroyed !== true && stream.writableEnded !== true) return true;
    this.#leave(stream.errored ?? undefined);
    return false;
  }

  /** One write. `stable` bytes are never written into again; others are copied into a slot until they are flushed. */
  write(bytes, stable, framing) {
    if (!this.#open) return;
    this.#begin(framing);
    this.bytesSent += bytes.length;
    // a failed write is an 'error' too, and a callback per write is not free
    if (stable) return this.#put(bytes);
    const slot = this.#reuses && bytes.length > LARGEST_COPY_BYTES ? this.#freeSlot(bytes.length) : undefined;
    if (slot === undefined) return this.#put(Buffer.from(bytes));
    slot.busy = true;
    slot.buffer.set(bytes);
    this.#put(slot.buffer.subarray(0, bytes.length), slot.flushed);
  }

  /** A comment that keeps the connection alive; `flushed` is called when it has left. */
  beat(comment, framing, flushed) {
    if (!this.#open || !this.ready) return;
    this.#begin(framing);
    this.#put(comment, (error) => {
      this.#flushed(error);
      flushed();
    });
  }

  /** An answer with a status in place of a stream. */
  answer(status, json) {
    if (!this.#open) return;
    this.#setHeaders({ ...this.#headers });
    this.#stream.statusCode = status;
    this.#stream.setHeader('content-type', 'application/json');
    this.#stream.setHeader('content-length', String(Buffer.byteLength(json)));
    this.#begun = true;
    this.bytesSent += Buffer.byteLength(json);
    this.#put(Buffer.from(json), this.#flushed);
  }

  end() {
    if (!this.#open) return;
    this.#ended = true;
    this.#stream.end();
    // what does not even say that it has ended, or cannot, will not say that it has finished
    if (this.#stream.writableEnded !== true || typeof this.#stream.on !== 'function') this.finished = true;
  }

  /** Listens no longer, but to errors of what is still on its way. */
  detach() {
    const stream = this.#stream;
    for (const [event, listener] of Object.entries(this.#listeners)) stream.off?.(event, listener);
    this.#notify = ignore;
    if (!this.finished && !this.gone && this.error === undefined && stream.writableEnded === true) {
      const release = () => {
        stream.off?.('error', ignore);
        stream.off?.('finish', release);
        stream.off?.('close', release);
      };
      stream.on?.('error', ignore);
      stream.on?.('finish', release);
      stream.on?.('close', release);
    }
  }

  #put(bytes, flushed) {
    // what cannot say that it is drained is not waited for
    if (this.#stream.write(bytes, flushed) === false) this.#needsDrain = typeof this.#stream.on === 'function';
    if (this.#flush) this.#stream.flush();
  }

  #flushed = (error) => {
    if (error === undefined || error === null) return;
    this.#leave(error);
    this.#notify();
  };

  /** Without an error, or with one that says so, it has left; any other is its own. */
  #leave(error) {
    if (this.gone || this.error !== undefined) return;
    if (error === undefined || error === null || GONE.has(error.code)) this.gone = true;
    else this.error = error;
  }

  /** A buffer that no write holds; none when all are held, or when it would have to be huge. */
  #freeSlot(length) {
    if (length > LARGEST_SLOT_BYTES) return undefined;
    const at = this.#turn;
    this.#turn = (at + 1) % SLOTS;
    const slot = (this.#slots[at] ??= this.#newSlot());
    if (slot.busy) return undefined;
    if (slot.buffer.length < length) slot.buffer = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(Math.max(length, 1024))));
    return slot;
  }

  #newSlot() {
    const slot = {
      busy: false,
      buffer: Buffer.alloc(0),
      flushed: (error) => {
        slot.busy = false;
        this.#flushed(error);
      },
    };
    return slot;
  }

  #begin(framing) {
    if (this.#begun) return;
    this.#begun = true;
    if (this.#headers === false || this.#stream.headersSent === true || typeof this.#stream.setHeader !== 'function') return;
    const own = { 'content-type': CONTENT_TYPES[framing() ?? 'sse'], 'cache-control': 'no-cache', 'x-accel-buffering': 'no' };
    if (!this.#isHttp2) own.connection = 'keep-alive';
    for (const [name, value] of Object.entries(own)) {
      // what the caller has set already stays
      if (this.#stream.hasHeader?.(name) !== true) this.#stream.setHeader(name, value);
    }
    this.#setHeaders(this.#headers);
  }

  get #isHttp2() {
    return typeof this.#stream.stream?.respond === 'function';
  }

  #setHeaders(headers) {
    for (const [name, value] of Object.entries(headers ?? {})) {
      if (this.#isHttp2 && name.toLowerCase() === 'connection') continue; // HTTP/2 has none
      this.#stream.setHeader(name, value);
    }
  }
}

module.exports = { Client };
