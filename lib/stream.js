'use strict';
// StreamAssembler: one native call per network read. Output goes through a buffer that JavaScript owns and reuses.
const native = require('./native');
const { fromNative } = require('./errors');
const { read, bytes, func, oneOf, string, boolean, wrongType } = require('./options');
const { fromJson } = require('./message');
const { newId: drawId, apart } = require('./ids');

const FORMATS = ['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama', 'bedrock-converse', 'kiro'];
const CLIENTS = FORMATS.slice(0, 5);
const FRAMINGS = ['sse', 'ndjson', 'aws-eventstream'];
const MIB = 1024 * 1024;

/** Options of StreamAssembler, and the part of other calls' options that goes to it. */
const shape = {
  from: oneOf([...FORMATS, 'auto'], 'auto'),
  to: oneOf(CLIENTS),
  framing: oneOf(FRAMINGS),
  model: string(),
  id: string(),
  newId: func(drawId),
  now: func(),
  maxEventBytes: bytes(64 * MIB, 1024 * MIB),
  maxTextBytes: bytes(64 * MIB, 1024 * MIB),
  reuse: boolean(false),
  events: oneOf(['upstream', 'client', 'both']),
};

const EMPTY = Buffer.alloc(0);
// calls are synchronous, so one buffer serves all assemblers that copy out of it
let shared = Buffer.allocUnsafeSlow(64 * 1024);

/** What pipes look at, by assembler: `format`, `framing`, `onBoundary`, `converts`, `reported`. */
const state = {};

class StreamAssembler {
  static {
    state.format = (assembler) => assembler.#read(native.streamFormat);
    state.framing = (assembler) => assembler.#read(native.streamFraming);
    state.onBoundary = (assembler) => assembler.#read(native.streamOnBoundary);
    state.converts = (assembler) => assembler.#read(native.streamConverts);
    state.reported = (assembler) => assembler.#read(native.streamReported);
  }

  #stream;
  #newId;
  #reuse;
  #own;

  constructor(options) {
    const { from, to, framing, model, id, newId, now, maxEventBytes, maxTextBytes, reuse, events } = read(shape, options);
    const createdS = Math.floor((now === undefined ? Date.now() : now()) / 1000);
    const upstream = events === 'upstream' || events === 'both';
    const client = events === 'client' || events === 'both';
    this.#stream = native.streamNew(
      FORMATS.indexOf(from), FORMATS.indexOf(to), FRAMINGS.indexOf(framing), model, id, createdS,
      maxEventBytes, maxTextBytes, upstream, client,
    );
    this.#newId = newId;
    this.#reuse = reuse;
    this.#own = reuse ? EMPTY : undefined;
  }

  push(chunk) {
    if (!ArrayBuffer.isView(chunk)) throw wrongType('chunk', 'a Uint8Array', chunk);
    if (chunk.BYTES_PER_ELEMENT !== 1) chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const into = this.#own ?? shared;
    let length;
    try {
      length = native.streamPush(this.#stream, apart(chunk, this.#newId), into, this.#newId);
    } catch (error) {
      throw fromNative(error);
    }
    if (length === -1) return this.#reuse ? chunk : Buffer.from(chunk);
    return this.#take(length, into);
  }

  pushEvent(event) {
    if (event === null || typeof event !== 'object') throw wrongType('event', 'an object', event);
    const json = JSON.stringify(event);
    return this.#call((into) => native.streamPushEvent(this.#stream, json, into, this.#newId));
  }

  finish() {
    return this.#call((into) => native.streamFinish(this.#stream, into, this.#newId));
  }

  fail(error) {
    const { message = 'upstream failed', type = '', status = 0 } = error ?? {};
    return this.#call((into) =>
      native.streamFail(this.#stream, String(message), String(type), Number(status) >>> 0, into, this.#newId));
  }

  message() {
    return fromJson(this.#read(native.streamMessage));
  }

  text() {
    return JSON.parse(this.#read(native.streamText));
  }

  takeEvents(side = 'upstream') {
    oneOf(['upstream', 'client'])(side, 'side');
    return JSON.parse(this.#read(native.streamTakeEvents, side === 'client'));
  }

  get complete() {
    return this.#read(native.streamComplete);
  }

  get events() {
    return this.#read(native.streamEvents);
  }

  #read(fn, ...args) {
    try {
      return fn(this.#stream, ...args);
    } catch (error) {
      throw fromNative(error);
    }
  }

  #call(run) {
    try {
      const into = this.#own ?? shared;
      return this.#take(run(into), into);
    } catch (error) {
      throw fromNative(error);
    }
  }

  /** The output of that length, or of `-2 - length` when it needs a larger buffer first. `newId` may have replaced the shared one. */
  #take(length, into) {
    if (length === 0) return EMPTY;
    if (length < 0) {
      const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(-2 - length)));
      if (this.#reuse) this.#own = larger;
      else if (larger.length <= MIB) shared = larger;
      else return larger.subarray(0, native.streamDrain(this.#stream, larger));
      length = native.streamDrain(this.#stream, larger);
      into = larger;
    }
    return this.#reuse ? into.subarray(0, length) : Buffer.from(into.subarray(0, length));
  }
}

module.exports = { StreamAssembler, shape, state, FORMATS, CLIENTS };
