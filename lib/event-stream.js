'use strict';
// EventStreamDecoder: standard event-stream decoding, one native call per read. Its events cross as one JSON text.
const native = require('./native');
const { fromNative } = require('./errors');
const { read, bytes, oneOf, wrongType } = require('./options');

const MIB = 1024 * 1024;
const shape = {
  maxEventBytes: bytes(64 * MIB, 1024 * MIB),
  framing: oneOf(['sse', 'ndjson', 'aws-eventstream'], 'sse'),
};

class EventStreamDecoder {
  #decoder;

  constructor(options) {
    const { framing, maxEventBytes } = read(shape, options);
    this.#decoder = native.decoderNew(framing, maxEventBytes);
  }

  push(chunk) {
    if (!ArrayBuffer.isView(chunk)) throw wrongType('chunk', 'a Uint8Array', chunk);
    if (chunk.BYTES_PER_ELEMENT !== 1) chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    return this.#events(native.decoderPush, chunk);
  }

  finish() {
    return this.#events(native.decoderFinish);
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

module.exports = { EventStreamDecoder };
