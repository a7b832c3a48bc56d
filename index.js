'use strict';
// The public face. Names are listed one by one so that they work as ESM named imports.
const { version } = require('./package.json');
const { EventStreamDecoder } = require('./lib/event-stream');
const { convertRequest } = require('./lib/request');
const { StreamAssembler } = require('./lib/stream');

module.exports = {
  version,
  EventStreamDecoder,
  convertRequest,
  StreamAssembler,
};
