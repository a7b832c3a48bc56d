'use strict';
// A queued message as those take it who deliver it: a QStash client as an object, the sink with its options as headers.
const { createHash } = require('node:crypto');
const { deduplicationId } = require('../lib/batch/qstash-message');

/** What says how the queue is to treat a message, or is said by itself. */
const OWN = new Set(['wait', 'idempotencyKey', 'deduplicationId']);
/** Options of QStash's clients that are headers. */
const HEADERS = {
  delay: 'Upstash-Delay',
  notBefore: 'Upstash-Not-Before',
  retries: 'Upstash-Retries',
  retryDelay: 'Upstash-Retry-Delay',
  timeout: 'Upstash-Timeout',
  method: 'Upstash-Method',
  callback: 'Upstash-Callback',
  failureCallback: 'Upstash-Failure-Callback',
  contentBasedDeduplication: 'Upstash-Content-Based-Deduplication',
  label: 'Upstash-Label',
};
/** Those that are said in seconds. */
const SECONDS = new Set(['delay', 'timeout']);

/** The key that a message was given; undefined: none. */
const givenKey = (options) => options?.idempotencyKey ?? options?.deduplicationId;

/** The key of a message by its content, as older instances have it in Redis. */
function contentKey(topic, message) {
  const content = typeof message === 'string' ? message : JSON.stringify(message);
  return `msg_${createHash('md5').update(`${topic}:${content}`).digest('hex')}`;
}

function headersOf(options) {
  const headers = {};
  for (const name in HEADERS) {
    const value = options[name];
    if (value !== undefined && value !== null) headers[HEADERS[name]] = SECONDS.has(name) && typeof value === 'number' ? `${value}s` : String(value);
  }
  const { flowControl } = options;
  if (flowControl !== undefined && flowControl !== null) {
    const { key, ...limits } = flowControl;
    headers['Upstash-Flow-Control-Key'] = key;
    headers['Upstash-Flow-Control-Value'] = Object.entries(limits).map(([name, value]) => `${name}=${value}`).join(', ');
  }
  return { ...headers, ...options.headers };
}

/** For `qstashSink`; a text is JSON, too, as publishJSON has it. */
function itemOf({ topic, message, options = {} }) {
  const isText = typeof message === 'string';
  const headers = isText ? { 'Content-Type': 'application/json', ...headersOf(options) } : headersOf(options);
  return { destination: topic, body: isText ? JSON.stringify(message) : message, headers, queue: options.queue ?? options.queueName };
}

/** For a client's `publishJSON` or `batchJSON`; `key` '': none. */
function requestOf({ topic, message, options = {} }, key) {
  const request = { url: topic, body: message };
  for (const name of Object.keys(options)) if (!OWN.has(name)) request[name] = options[name];
  if (key !== '') request.deduplicationId = deduplicationId(key);
  return request;
}

module.exports = { contentKey, givenKey, itemOf, requestOf };
