'use strict';
// The public face. Names are listed one by one so that they work as ESM named imports.
const { readBody, readText, readJson, readDocument } = require('./lib/body');
const { JsonDocument } = require('./lib/document');
const { respondWithError } = require('./lib/respond');
const { version } = require('./package.json');
const { EventStreamDecoder } = require('./lib/event-stream');
const { pipeStream } = require('./lib/pipe');
const { convertRequest } = require('./lib/request');
const { convertResponse, parseResponse, renderMessage } = require('./lib/response');
const { StreamAssembler } = require('./lib/stream');
const { streamTransform, streamTransformWeb } = require('./lib/transforms');

module.exports = {
  readBody,
  readText,
  readJson,
  readDocument,
  JsonDocument,
  respondWithError,
  version,
  EventStreamDecoder,
  convertRequest,
  convertResponse,
  parseResponse,
  renderMessage,
  StreamAssembler,
  pipeStream,
  streamTransform,
  streamTransformWeb,
};
