'use strict';
// The public face. Names are listed one by one so that they work as ESM named imports.
const { StreamAssembler } = require('./lib/stream');
const { version } = require('./package.json');
const { EventStreamDecoder } = require('./lib/event-stream');
const { pipeStream } = require('./lib/pipe');
const { streamTransform, streamTransformWeb } = require('./lib/transforms');

module.exports = {
  StreamAssembler,
  version,
  EventStreamDecoder,
  pipeStream,
  streamTransform,
  streamTransformWeb,
};
