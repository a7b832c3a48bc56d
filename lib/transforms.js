'use strict';
// A StreamAssembler as a Transform of Node.js and as a TransformStream of the web.
const { Transform } = require('node:stream');
const { read } = require('./options');
const { StreamAssembler, shape } = require('./stream');

/** One chunk in, the client's bytes out: for good, since nobody says when they have been read. */
class Conversion {
  #assembler;

  constructor(options) {
    const { reuse, events, ...rest } = read(shape, options);
    this.#assembler = new StreamAssembler({ ...rest, reuse: true });
  }

  push(chunk, give) {
    let out;
    try {
      out = this.#assembler.push(chunk);
    } catch (error) {
      // what was whole before the frame that cannot be read
      this.finish(give);
      throw error;
    }
    if (out.length > 0) give(out === chunk ? out : Buffer.from(out));
  }

  finish(give) {
    const out = this.#assembler.finish();
    if (out.length > 0) give(Buffer.from(out));
  }

  message() {
    return this.#assembler.message();
  }
}

/** See index.d.ts. */
function streamTransform(options) {
  const conversion = new Conversion(options);
  const attempt = (callback, run) => {
    try {
      run();
    } catch (error) {
      return callback(error);
    }
    callback();
  };
  const transform = new Transform({
    transform(chunk, _encoding, callback) {
      attempt(callback, () => conversion.push(chunk, (out) => this.push(out)));
    },
    flush(callback) {
      attempt(callback, () => conversion.finish((out) => this.push(out)));
    },
  });
  transform.message = () => conversion.message();
  return transform;
}

/** See index.d.ts. */
function streamTransformWeb(options) {
  const conversion = new Conversion(options);
  // jsdom has no web streams of its own
  const { TransformStream } = typeof globalThis.TransformStream === 'function' ? globalThis : require('node:stream/web');
  const stream = new TransformStream({
    transform(chunk, controller) {
      conversion.push(chunk, (out) => controller.enqueue(out));
    },
    flush(controller) {
      conversion.finish((out) => controller.enqueue(out));
    },
  });
  stream.message = () => conversion.message();
  return stream;
}

module.exports = { streamTransform, streamTransformWeb };
