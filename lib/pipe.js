'use strict';
// pipeStream: one loop per stream that reads the upstream, assembles and writes, and waits in one place for whatever
// may change: more bytes, a drained client, one that left, the caller's signal.
const { validateHeaderName, validateHeaderValue } = require('node:http');
const { make, aborted, isError } = require('./errors');
const { read, func, milliseconds, boolean, signal, wrongType } = require('./options');
const { StreamAssembler, shape, state } = require('./stream');
const { Client } = require('./client');
const { Heartbeat } = require('./heartbeat');
const { EventHooks, isArrayBuffer } = require('./hooks');
const { open, PENDING, END } = require('./source');
const { errorBody, truncated, TRUNCATED, failureOf, refusalOf } = require('./failure');

function headers(value, option) {
  if (value === undefined || value === false) return value;
  if (value === null || typeof value !== 'object') throw wrongType(option, 'false or an object', value);
  for (const [name, text] of Object.entries(value)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, text);
    } catch {
      throw wrongType(`${option}.${name}`, 'a header', text);
    }
  }
  return { ...value };
}

const pipeShape = {
  ...shape,
  signal,
  heartbeatMs: milliseconds(0, 0),
  onEvent: func(),
  onError: func(),
  drainForUsage: boolean(false),
  end: boolean(true),
  headers,
};

// the client left while a hook was waited for
const LEFT = Symbol('left');

class Pipe {
  #options;
  #assembler;
  #source;
  #client;
  #heartbeat;
  #hooks;
  #wake = null;
  /** The client left, and the upstream is read for its usage. */
  #draining = false;
  /** onError was asked about what the provider reported. */
  #asked = false;
  /** The loop waits for nothing but the next piece. */
  #flowing = false;
  /** Left to the loop: what the upstream failed with, what a push threw, a piece that onError is to be asked about. */
  #unread;
  #caught;
  #withheld;

  constructor(upstream, stream, options) {
    const { from, to, framing, model, id, newId, now, maxEventBytes, maxTextBytes } = options;
    this.#options = options;
    this.#assembler = new StreamAssembler({ from, to, framing, model, id, newId, now, maxEventBytes, maxTextBytes, reuse: true });
    if (options.onEvent !== undefined) this.#hooks = new EventHooks(options, (promise) => this.#until(promise));
    this.#source = open(upstream, this.#arrived);
    this.#client = new Client(stream, options.headers, this.#notify);
    this.#heartbeat = new Heartbeat(options.heartbeatMs, this.#assembler, this.#client, this.#framing);
  }

  async run() {
    const { signal: abort } = this.#options;
    abort?.addEventListener('abort', this.#notify);
    try {
      return await this.#transfer();
    } catch (error) {
      if (error === LEFT) return this.#left();
      await this.#refuse(error);
      if (isError(error) && Object.isExtensible(error)) error.partial = this.#assembler.message();
      throw error;
    } finally {
      abort?.removeEventListener('abort', this.#notify);
      this.#heartbeat.end();
      this.#source.detach();
      this.#client.detach();
    }
  }

  async #transfer() {
    this.#heartbeat.arm();
    for (;;) {
      this.#check();
      if (this.#client.gone && !this.#draining) {
        if (!this.#options.drainForUsage) throw LEFT;
        this.#draining = true;
        this.#heartbeat.disarm();
      }
      if (!this.#draining && !this.#client.ready) {
        await this.#changed();
        continue;
      }
      let taken = this.#withheld;
      this.#withheld = undefined;
      if (taken === undefined) {
        let item;
        try {
          if (this.#unread !== undefined) throw this.#unread.error;
          item = this.#source.read();
        } catch (error) {
          // what the provider has said about the end is not undone by how it hung up
          if (!this.#assembler.complete && !state.reported(this.#assembler)) return this.#failed(error, failureOf(error));
          item = END;
        }
        if (item === END) return this.#finish();
        if (item === PENDING) {
          this.#flowing = true;
          await this.#changed();
          this.#flowing = false;
          continue;
        }
        taken = { item, bytes: this.#hooks === undefined ? this.#push(item) : await this.#hooked(await this.#hooks.upstream(item)) };
      }
      const { item, bytes } = taken;
      if (this.#reports() && (await this.#handled())) return this.#assembler.message();
      this.#send(bytes, bytes === item && this.#source.owned);
      if (this.#hooks?.error !== undefined) throw this.#hooks.error;
    }
  }

  #push(item) {
    if (ArrayBuffer.isView(item)) return this.#assembler.push(item);
    if (typeof item === 'string') return this.#assembler.push(Buffer.from(item));
    if (isArrayBuffer(item)) return this.#assembler.push(new Uint8Array(item));
    if (item === null || typeof item !== 'object') throw wrongType('upstream', 'a stream of bytes or of events', item);
    return this.#assembler.pushEvent(item);
  }

  /** The client's bytes for what the hook left of upstream events. */
  async #hooked(piece) {
    const bytes = this.#push(piece);
    return this.#draining || !state.converts(this.#assembler) ? bytes : this.#hooks.client(bytes);
  }

  #send(bytes, stable) {
    if (bytes.length === 0 || this.#draining) return;
    this.#client.write(bytes, stable, this.#framing);
    this.#heartbeat.arm();
  }

  /** The upstream ended. */
  async #finish() {
    if (this.#hooks !== undefined) {
      const rest = await this.#hooks.finish();
      if (rest.length > 0) this.#send(await this.#hooked(rest), false);
      if (this.#hooks.error !== undefined) throw this.#hooks.error;
      // a frame that the hooks hold the start of is one that the assembler must miss: any byte begins another
      if (this.#hooks.cut) this.#push(Buffer.of(0));
    }
    let bytes = this.#assembler.finish();
    if (this.#hooks !== undefined && !this.#draining && state.converts(this.#assembler)) bytes = await this.#hooks.client(bytes);
    if (this.#reports() && (await this.#handled())) return this.#assembler.message();
    this.#send(bytes, false);
    const message = this.#assembler.message();
    if (message.error === null && !message.complete) return this.#failed(truncated(), TRUNCATED);
    if (this.#draining) return this.#left();
    await this.#end();
    return this.#client.gone ? this.#left() : message;
  }

  /** The upstream failed: its own error, and what the client is told unless the caller handles it. */
  async #failed(error, failure) {
    if (this.#draining) return this.#left();
    const message = this.#assembler.message();
    message.error = isError(error) ? error : new Error(String(error));
    const handled = await this.#ask(message.error, message);
    this.#source.cancel(error);
    if (handled) return message;
    this.#tell(failure);
    await this.#end();
    return message;
  }

  /** Whether the provider has reported an error that the caller may want to handle and was not asked about. */
  #reports() {
    return this.#options.onError !== undefined && !this.#asked && !this.#draining && state.reported(this.#assembler);
  }

  /** Asks about it; once handled the upstream is of no more use. */
  async #handled() {
    this.#asked = true;
    const message = this.#assembler.message();
    const handled = await this.#ask(message.error, message);
    if (handled) this.#source.cancel(message.error);
    return handled;
  }

  async #ask(error, message) {
    const { onError } = this.#options;
    if (onError === undefined) return false;
    const answer = onError(error, { bytesSent: this.#client.bytesSent, message });
    return (typeof answer?.then === 'function' ? await this.#until(answer) : answer) === true;
  }

  /** Nobody listens any more. */
  #left() {
    const error = make('Aborted', { what: 'the stream to a client that left' });
    this.#source.cancel(error);
    const message = this.#assembler.message();
    message.error = error;
    return message;
  }

  /** The pipe is about to reject: the upstream is cancelled, and a client that can still be told is not left waiting. */
  async #refuse(error) {
    let handled = false;
    try {
      if (error?.code === 'ERR_STREAM_FRAME') handled = await this.#ask(error, this.#assembler.message());
    } finally {
      this.#source.cancel(error);
      if (!handled && !this.#client.gone && error !== this.#client.error) {
        try {
          this.#tell(refusalOf(error));
        } catch {
          // an assembler that panicked has no words left: the client gets the end alone
        }
        if (this.#options.end) this.#client.end();
      }
    }
  }

  /** Says a failure in the client's dialect: as a status while that is possible, else as a frame. */
  #tell(failure) {
    const { to, from, end } = this.#options;
    if (end && this.#client.silent) {
      const dialect = to ?? (from === 'auto' ? state.format(this.#assembler) : from);
      const status = failure.status ?? 502;
      return this.#client.answer(status, errorBody(dialect, { ...failure, status }));
    }
    this.#send(this.#assembler.fail(failure), false);
  }

  /** Waits until the client has everything; it stays open when the caller says so. */
  async #end() {
    const client = this.#client;
    this.#heartbeat.disarm();
    if (this.#options.end) client.end();
    const over = () => client.gone || (this.#options.end ? client.finished : client.ready);
    // a signal that fires when all has been handed over, as one on the response's close does, comes too late
    while (!over()) {
      this.#check();
      await this.#changed();
    }
  }

  #check() {
    const { signal: abort } = this.#options;
    if (abort?.aborted) throw aborted(abort, 'pipeStream');
    if (this.#caught !== undefined) throw this.#caught.error;
    if (this.#client.error !== undefined) throw this.#client.error;
  }

  /** The value of a hook's promise, unless the pipe ends before that. */
  async #until(promise) {
    let settled;
    const settle = (outcome) => {
      settled = outcome;
      this.#notify();
    };
    promise.then((value) => settle({ value }), (error) => settle({ failed: true, error }));
    while (settled === undefined) {
      this.#check();
      if (this.#client.gone && !this.#options.drainForUsage) throw LEFT;
      await this.#changed();
    }
    if (settled.failed) throw settled.error;
    return settled.value;
  }

  /** Something that is looked at in the loop has changed. */
  #notify = () => {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  };

  /**
   * More may be there. While the loop only waits for it, it is passed on here and now: most of a stream is such pieces,
   * and waking the loop costs more than the rest of what is done for one.
   */
  #arrived = () => {
    const { signal: abort } = this.#options;
    if (!this.#flowing || this.#wake === null || this.#hooks !== undefined || this.#draining || abort?.aborted) return this.#notify();
    const client = this.#client;
    while (client.ready && !client.gone && client.error === undefined) {
      let item;
      try {
        item = this.#source.read();
      } catch (error) {
        this.#unread = { error };
        break;
      }
      if (item === PENDING) return undefined;
      if (item === END) break;
      try {
        const bytes = this.#push(item);
        if (this.#reports()) {
          this.#withheld = { item, bytes };
          break;
        }
        this.#send(bytes, bytes === item && this.#source.owned);
      } catch (error) {
        this.#caught = { error };
        break;
      }
    }
    return this.#notify();
  };

  #changed() {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The framing of what the client gets, once that is known. */
  #framing = () => {
    const { to } = this.#options;
    if (to !== undefined) return to === 'ollama' ? 'ndjson' : 'sse';
    return state.framing(this.#assembler) ?? undefined;
  };
}

/** See index.d.ts. */
async function pipeStream(upstream, client, options) {
  const checked = read(pipeShape, options);
  if (typeof client?.write !== 'function' || typeof client.end !== 'function') {
    throw wrongType('client', 'a Writable, a server response, or what has their write() and end()', client);
  }
  return new Pipe(upstream, client, checked).run();
}

module.exports = { pipeStream };
