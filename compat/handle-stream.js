'use strict';
// handleStream: a provider's stream to a client, as the loops of gateways do it, on pipeStream.
const { pipeStream } = require('..');
const { func, wrongType } = require('../lib/options');

/** What is passed on as it is; whatever else callers hand around in the same object is theirs. */
const PASSED = [
  'from', 'to', 'framing', 'model', 'id', 'newId', 'now', 'maxEventBytes', 'maxTextBytes',
  'signal', 'heartbeatMs', 'onError', 'drainForUsage', 'end', 'headers',
];

/** Resolves with the assembled message once the client has all of it. `onChunk(event)`: each event of the upstream, before it is sent. */
async function handleStream(upstream, res, options) {
  const given = options ?? {};
  if (typeof given !== 'object') throw wrongType('options', 'an object', given);
  const onChunk = func()(given.onChunk ?? undefined, 'onChunk');
  const settings = {};
  for (const name of PASSED) if (given[name] !== undefined) settings[name] = given[name];
  if (onChunk !== undefined) settings.onEvent = (event, { side }) => (side === 'upstream' ? onChunk(event) : undefined);
  return pipeStream(upstream, res, settings);
}

module.exports = { handleStream };
