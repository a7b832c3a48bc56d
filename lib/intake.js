'use strict';
// Takes a body in from whatever carries it, counting bytes whatever its headers say, and settles exactly once.
const { Buffer } = require('node:buffer');
const native = require('./native');
const { make, isError, aborted } = require('./errors');
const { wrongType } = require('./options');
const { listen, isOver, drain, drainReader } = require('./drain');

/** Up to here a body stays in JavaScript and is read where it is; beyond, it goes to the pool. */
const INLINE_BYTES = 128 * 1024;
const CODINGS = { gzip: 1, 'x-gzip': 1, deflate: 2, br: 3, zstd: 4 };

/** A header as one text, of Node's headers or a web `Headers`; undefined when it is not there. */
function header(headers, name) {
  const value = typeof headers?.get === 'function' ? headers.get(name) : headers?.[name];
  return value === undefined || value === null ? undefined : String(value);
}

/** The number of the one content coding, 0 for none. */
function codingOf(headers, inflate) {
  const text = header(headers, 'content-encoding');
  if (text === undefined) return 0;
  const names = text.toLowerCase().split(',').map((name) => name.trim()).filter((name) => name !== '' && name !== 'identity');
  if (names.length === 0) return 0;
  const refuse = (detail) => make('BodyEncoding', { encoding: text, detail });
  if (names.length > 1) throw refuse('only one coding is accepted');
  if (!Object.hasOwn(CODINGS, names[0])) throw refuse('the coding is unknown');
  if (!inflate) throw refuse('codings are not accepted here');
  return CODINGS[names[0]];
}

/** What Content-Length promises; undefined when it promises nothing. */
function lengthOf(headers) {
  if (header(headers, 'transfer-encoding') !== undefined) return undefined;
  const text = header(headers, 'content-length');
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function checkCharset(headers) {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(header(headers, 'content-type') ?? '')?.[1];
  if (charset === undefined || /^utf-?8$/i.test(charset)) return;
  throw make('BodyCharset', { charset, detail: `its charset is ${charset}` });
}

class Intake {
  /**
   * `finish(body)` makes the result, or a promise of it, of a body that has arrived whole: `{ chunks, received }`, or
   * `{ native, coding }` when it is large or coded. `stopped` tells it that nobody waits any more.
   */
  constructor(settings, finish, resolve, reject) {
    this.settings = settings;
    this.finish = finish;
    this.resolve = resolve;
    this.reject = reject;
    this.limit = Math.min(settings.maxBytes, settings.maxEncodedBytes ?? settings.maxBytes);
    this.expected = undefined;
    this.coding = 0;
    this.received = 0;
    this.chunks = [];
    this.native = null;
    this.stopped = false;
    this.source = null;
    this.reader = null;
    this.unlisten = undefined;
    this.timer = undefined;
    this.idleTimer = undefined;
    this.onAbort = undefined;
  }

  start(source) {
    const { signal } = this.settings;
    if (signal?.aborted) return this.stop(aborted(signal, 'reading the body'));
    const isEmitter = typeof source?.on === 'function';
    const isStream = !isEmitter && typeof source?.getReader === 'function';
    const isRequest = !isEmitter && !isStream && typeof source?.arrayBuffer === 'function' && typeof source.headers?.get === 'function';
    if (!isEmitter && !isStream && !isRequest) {
      return this.stop(wrongType('source', 'a request, a stream, or an emitter of "data" and "end"', source));
    }
    const unusable = isEmitter ? whyUnusable(source) : source.locked || source.bodyUsed || source.body?.locked ? 'it is being read elsewhere' : undefined;
    if (unusable !== undefined) return this.stop(make('BodyAborted', { detail: unusable }));
    if (isEmitter) this.source = source;
    if (signal !== undefined) {
      this.onAbort = () => this.fail(aborted(signal, 'reading the body'));
      signal.addEventListener('abort', this.onAbort, { once: true });
    }
    try {
      this.promise(source.headers);
    } catch (error) {
      if (isEmitter) return this.fail(error);
      return this.stop(error);
    }
    const { timeoutMs, idleTimeoutMs } = this.settings;
    if (timeoutMs !== undefined) this.timer = this.after(timeoutMs);
    if (idleTimeoutMs !== undefined) this.idleTimer = this.after(idleTimeoutMs);
    if (isEmitter) this.listen(source);
    else this.pull(isStream ? source : source.body);
  }

  /** What the headers promise, refused before the first byte when it cannot be kept. */
  promise(headers) {
    const { settings } = this;
    if (settings.text) checkCharset(headers);
    this.coding = codingOf(headers, settings.inflate);
    if (this.coding !== 0) this.limit = settings.maxEncodedBytes ?? settings.maxBytes;
    const expected = lengthOf(headers);
    if (expected > this.limit) throw make('BodyTooLarge', { limit: this.limit, received: 0, expected, length: expected });
    this.expected = expected;
  }

  after(timeoutMs) {
    const timer = setTimeout(() => this.fail(make('BodyTimeout', { timeoutMs, received: this.received })), timeoutMs);
    timer.unref?.();
    return timer;
  }

  listen(source) {
    const encoding = source.readableEncoding ?? 'utf8';
    // bytes first: what suites mock emits all of it while it is listened to
    this.unlisten = listen(source, {
      data: (chunk) => this.push(chunk, encoding),
      end: () => this.end(),
      error: (error) => this.broken(error),
      aborted: () => this.broken(),
      close: () => this.broken(),
    });
    if (this.stopped || this.source === null) this.release();
    if (source.readableFlowing === false) source.resume?.();
  }

  pull(stream) {
    if (stream === null || stream === undefined) return this.end();
    const reader = (this.reader = stream.getReader());
    const next = () => {
      reader.read().then(
        ({ done, value }) => {
          if (this.stopped || this.reader === null) return;
          if (done) return this.end();
          this.push(value, 'utf8');
          if (!this.stopped) next();
        },
        (error) => {
          this.reader = null;
          this.broken(error);
        },
      );
    };
    next();
  }

  push(chunk, encoding) {
    if (this.stopped) return;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    if (!ArrayBuffer.isView(bytes)) return this.fail(wrongType('chunk', 'a string or bytes', chunk));
    this.received += bytes.byteLength;
    const { received, limit, expected } = this;
    if (received > limit) return this.fail(make('BodyTooLarge', { limit, received }));
    if (received > expected) return this.fail(make('BodyLength', { received, expected, length: expected }));
    if (this.idleTimer !== undefined) {
      clearTimeout(this.idleTimer);
      this.idleTimer = this.after(this.settings.idleTimeoutMs);
    }
    if (this.native === null) {
      this.chunks.push(asBuffer(bytes));
      if (this.coding !== 0 || (received > INLINE_BYTES && !this.settings.keep)) this.leave();
    } else {
      native.intakePush(this.native, asBuffer(bytes));
    }
  }

  /** To native memory, where the pool can read it. */
  leave() {
    this.native = native.intakeOpen();
    for (const chunk of this.chunks) native.intakePush(this.native, chunk);
    this.chunks = [];
  }

  /** The source ended otherwise than by its end. */
  broken(error) {
    if (this.stopped) return;
    const { received, expected } = this;
    const detail = error === undefined ? 'it ended too early' : `its stream failed${isError(error) ? `: ${error.message}` : ''}`;
    this.source = null;
    this.fail(make('BodyAborted', { detail, received, ...(expected !== undefined && { expected }) }, error));
  }

  end() {
    if (this.stopped) return;
    this.release();
    this.source = null;
    const { received, expected } = this;
    if (expected !== undefined && received !== expected) {
      return this.fail(make('BodyLength', { received, expected, length: expected }));
    }
    if (this.coding !== 0 && this.native === null) this.coding = 0;
    let result;
    try {
      result = this.finish(this);
    } catch (error) {
      return this.fail(error);
    }
    if (!(result instanceof Promise)) return this.done(result);
    result.then(
      (value) => (this.stopped ? value?.close?.() : this.done(value)),
      (error) => this.fail(error),
    );
  }

  done(result) {
    this.stopped = true;
    this.forget();
    this.resolve(result);
  }

  /** Listeners and timers of the arrival. */
  release() {
    clearTimeout(this.timer);
    clearTimeout(this.idleTimer);
    this.idleTimer = undefined;
    this.unlisten?.();
    this.unlisten = undefined;
    if (this.reader !== null && !this.stopped) {
      this.reader.releaseLock();
      this.reader = null;
    }
  }

  /** The signal and all memory. */
  forget() {
    if (this.onAbort !== undefined) this.settings.signal.removeEventListener('abort', this.onAbort);
    this.onAbort = undefined;
    this.chunks = [];
    if (this.native !== null) native.intakeDrop(this.native);
    this.native = null;
  }

  /** Rejects with nothing to clean up behind. */
  stop(error) {
    this.source = null;
    this.fail(error);
  }

  fail(error) {
    if (this.stopped) return;
    this.stopped = true;
    const { source, reader, limit, received } = this;
    this.release();
    this.forget();
    this.reject(error);
    if (source !== null) drain(source, limit, received);
    else if (reader !== null) drainReader(reader, limit, received);
  }
}

const asBuffer = (bytes) => (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));

/** Why nothing can come from an emitter any more. */
function whyUnusable(source) {
  if (source.readableEnded === true || source.readableDidRead === true) return 'it was consumed already';
  if (isOver(source) || source.aborted === true || source.readableAborted === true) return 'it was destroyed already';
  return undefined;
}

/**
 * Reads a source to its end and resolves with what `finish` makes of it. Options are checked inside of the promise:
 * mistakes of the caller reject.
 */
function intake(source, settingsOf, options, finish) {
  return new Promise((resolve, reject) => new Intake(settingsOf(options), finish, resolve, reject).start(source));
}

module.exports = { intake, INLINE_BYTES };
