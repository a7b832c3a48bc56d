'use strict';
// The public face. Names are listed one by one so that they work as ESM named imports.
const { StreamAssembler } = require('./lib/stream');
const { convertResponse, parseResponse, renderMessage } = require('./lib/response');
const { version } = require('./package.json');
const { EventStreamDecoder } = require('./lib/event-stream');

module.exports = {
  StreamAssembler,
  version,
  EventStreamDecoder,
  convertResponse,
  parseResponse,
  renderMessage,
};
