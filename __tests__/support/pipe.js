'use strict';
// What suites of pipes share: an upstream that is whole, and a client that keeps all that it gets.
const { PassThrough } = require('node:stream');
const { pipeStream } = require('sluice');
const { collect } = require('./loopback');
const { said, STOP, DONE } = require('./chat');

const WHOLE = said('Hello') + said(', world') + STOP + DONE;
const from = 'openai-chat';

/** Pipes into a plain Writable: what it got, and what the promise gave. */
async function pipe(upstream, options) {
  const client = new PassThrough();
  const received = collect(client);
  const message = await pipeStream(upstream, client, { from, ...options });
  if (!client.writableEnded) client.end();
  return { message, ...(await received) };
}

module.exports = { WHOLE, from, pipe };
