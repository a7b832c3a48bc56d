'use strict';
// The public face. Names are listed one by one so that they work as ESM named imports.
const { qstashSink } = require('./lib/batch/qstash');
const { BatchBuffer } = require('./lib/batch/buffer');
const { readBody, readText, readJson, readDocument } = require('./lib/body');
const { TieredCache } = require('./lib/cache/cache');
const { hashKey } = require('./lib/cache/hash');
const { cacheKey } = require('./lib/cache/keys');
const { JsonDocument } = require('./lib/document');
const { EventStreamDecoder } = require('./lib/event-stream');
const { AdaptiveLimiter } = require('./lib/limiter/adaptive');
const { rateLimitHeaders } = require('./lib/limiter/headers');
const { KeyedLimiter } = require('./lib/limiter/keyed');
const { metrics } = require('./lib/metrics');
const { pipeStream } = require('./lib/pipe');
const { convertRequest } = require('./lib/request');
const { respondWithError } = require('./lib/respond');
const { convertResponse, parseResponse, renderMessage } = require('./lib/response');
const { StreamAssembler } = require('./lib/stream');
const { streamTransform, streamTransformWeb } = require('./lib/transforms');
const { version } = require('./package.json');

module.exports = {
  TieredCache,
  cacheKey,
  hashKey,
  BatchBuffer,
  qstashSink,
  AdaptiveLimiter,
  KeyedLimiter,
  rateLimitHeaders,
  StreamAssembler,
  pipeStream,
  streamTransform,
  streamTransformWeb,
  EventStreamDecoder,
  convertRequest,
  convertResponse,
  parseResponse,
  renderMessage,
  readBody,
  readText,
  readJson,
  readDocument,
  JsonDocument,
  respondWithError,
  metrics,
  version,
};
