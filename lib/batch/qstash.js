'use strict';
// A handler for BatchBuffer that publishes: `POST /v2/batch` of QStash, one request per batch, one result per message.
const { make } = require('../errors');
const { read, text, bytes, func, outOfRange, wrongType } = require('../options');
const { complaintOf, failure, publishParts, refusalOf } = require('./qstash-answer');
const { messageText } = require('./qstash-message');

/** What the service's smallest plan takes. */
const MAX_BYTES = 1_000_000;
/** A URL group answers for each of its endpoints; what is longer than this for each message is no answer. */
const ANSWER_BYTES = 64 * 1024;

function address(value, option) {
  const url = text('https://qstash.upstash.io')(value, option);
  let parsed;
  try {
    parsed = new URL(url);
  } catch {
    parsed = undefined;
  }
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:') throw outOfRange(option, 'an http or https URL', value);
  return `${url.replace(/\/+$/, '')}/v2/batch`;
}
// its text stays out of the error
function bearer(value, option) {
  const range = 'a string of visible ASCII';
  if (typeof value !== 'string') throw wrongType(option, range, value);
  if (value === '') throw outOfRange(option, range, value);
  if (!/^[\x21-\x7e]+$/.test(value)) throw make('OptionRange', { option, range, value: 'another string' });
  return `Bearer ${value}`;
}
const shape = { url: address, token: bearer, fetch: func(undefined), maxBytes: bytes(MAX_BYTES) };

/** Reads an answer up to that many bytes; the rest is not awaited. Answers of mocks may have no stream. */
async function readText(response, maxBytes) {
  const { body } = response;
  if (typeof body?.[Symbol.asyncIterator] !== 'function') {
    if (typeof response.text === 'function') return response.text();
    return typeof response.json === 'function' ? JSON.stringify(await response.json()) : '';
  }
  const chunks = [];
  let length = 0;
  // leaving the loop cancels the stream
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw failure(`its answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
/** A message's result, or its error. */
function resultOf(entry) {
  const refusal = refusalOf(entry);
  if (refusal !== undefined) return refusal;
  const isTaken = Array.isArray(entry) ? entry.every((one) => typeof one?.messageId === 'string') : typeof entry?.messageId === 'string';
  return isTaken ? entry : Object.assign(failure('its answer has no messageId for this message'), Array.isArray(entry) ? { results: entry } : {});
}

/** The entries of QStash's answer to `count` messages, in their order. */
async function entriesOf(response, count, signal) {
  const { status } = response;
  if (response.ok ?? (status >= 200 && status < 300)) {
    const maxBytes = ANSWER_BYTES * (count + 1);
    // no status on what follows: the messages may have been taken, and who asks again finds out
    const answer = parsed(await readText(response, maxBytes).catch((error) => {
      throw signal?.aborted || error?.code === 'ERR_QSTASH' ? error : failure('its answer broke off', {}, error);
    }));
    if (!Array.isArray(answer)) throw failure('its answer is not a JSON array');
    if (answer.length !== count) throw failure(`its answer has ${answer.length} entries for ${count} messages`);
    return answer;
  }
  const said = await readText(response, ANSWER_BYTES).catch(() => '');
  const headers = typeof response.headers?.entries === 'function' ? Object.fromEntries(response.headers.entries()) : {};
  throw failure(complaintOf(parsed(said)) ?? `status ${status}`, { status, headers });
}

/** Neighbours together in parts of at most `maxBytes`; what is larger goes alone. */
function partsOf(messages, maxBytes) {
  const parts = [];
  let length = Infinity;
  for (const message of messages) {
    // its comma, or one of the brackets
    const more = Buffer.byteLength(message.json) + 1;
    if (length + more > maxBytes) {
      parts.push([]);
      length = 1;
    }
    parts.at(-1).push(message);
    length += more;
  }
  return parts;
}

/**
 * A handler that publishes each batch in one request; `options` are `url`, `token`, `fetch` and `maxBytes`. Results and
 * errors are per message; a request that fails as a whole fails those in it, and those that were to follow it.
 */
function qstashSink(options) {
  const { url, token, fetch: given, maxBytes } = read(shape, options);

  async function publish(part, signal) {
    const send = given ?? globalThis.fetch;
    if (typeof send !== 'function') throw wrongType('fetch', 'a function where globalThis.fetch is none', send);
    let response;
    try {
      response = await send(url, {
        method: 'POST',
        headers: { authorization: token, 'content-type': 'application/json' },
        body: `[${part.map(({ json }) => json).join(',')}]`,
        // followed, a POST becomes a GET that publishes nothing
        redirect: 'manual',
        signal,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw failure(`no answer: ${error?.cause?.code ?? error?.code ?? error?.message ?? error}`, {}, error);
    }
    return (await entriesOf(response, part.length, signal)).map(resultOf);
  }

  return async (items, { keys = [], signal } = {}) => {
    const results = new Array(items.length);
    const messages = [];
    items.forEach((item, at) => {
      try {
        messages.push({ at, json: messageText(item, keys[at]) });
      } catch (error) {
        results[at] = error;
      }
    });
    return publishParts(partsOf(messages, maxBytes), (part) => publish(part, signal), results);
  };
}

module.exports = { qstashSink };
