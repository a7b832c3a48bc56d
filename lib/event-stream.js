'use strict';
// EventStreamDecoder: standard event-stream decoding, one native call per read. Its events cross as one JSON text.
const native = require('./native');
const { fromNative } = require('./errors');
const { read, bytes, oneOf, wrongType } = require('./options');

const MIB = 1024 * 1024;
const FRAMINGS = ['sse', 'ndjson', 'aws-eventstream'];
const shape = {
  maxEventBytes: bytes(64 * MIB, 1024 * MIB),
  framing: oneOf(FRAMINGS, 'sse'),
};

/** Cuts bytes into events, leniently where the framing knows leniency and the caller wants it. */
class Decoder {
  #decoder;

  constructor(framing, lenient, maxEventBytes) {
    this.#decoder = native.decoderNew(framing, lenient, maxEventBytes);
  }

  push(chunk) {
    return this.#events(native.decoderPush, chunk);
  }

  finish() {
    return this.#events(native.decoderFinish);
  }

  get onBoundary() {
    return native.decoderOnBoundary(this.#decoder);
  }

  #events(decode, ...args) {
    try {
      return JSON.parse(decode(this.#decoder, ...args));
    } catch (error) {
      const failure = fromNative(error);
      // what was whole before the frame that is not: nothing is lost
      if (typeof failure.events === 'string') failure.events = JSON.parse(failure.events);
      throw failure;
    }
  }
}

/** See index.d.ts. */
class EventStreamDecoder {
  #decoder;

  constructor(options) {
    const { framing, maxEventBytes } = read(shape, options);
    this.#decoder = new Decoder(framing, false, maxEventBytes);
  }

  push(chunk) {
    if (!ArrayBuffer.isView(chunk)) throw wrongType('chunk', 'a Uint8Array', chunk);
    if (chunk.BYTES_PER_ELEMENT !== 1) chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    return this.#decoder.push(chunk);
  }

  finish() {
    return this.#decoder.finish();
  }
}

module.exports = { EventStreamDecoder, Decoder };
