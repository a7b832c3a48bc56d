'use strict';
// What a client is told when a stream fails, and how the dialects say it in a whole answer.
const { make } = require('./errors');

const openai = ({ message, type }) => ({ error: { message, type, param: null, code: null } });
// google.rpc's words for the statuses that a gateway answers with
const GOOGLE = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 504: 'DEADLINE_EXCEEDED' };
const aws = ({ message }) => ({ message });
const bodies = {
  'openai-chat': openai,
  'openai-responses': openai,
  claude: ({ message, type }) => ({ type: 'error', error: { type, message } }),
  gemini: ({ message, status }) => ({ error: { code: status, message, status: GOOGLE[status] ?? 'UNAVAILABLE' } }),
  ollama: ({ message }) => ({ error: message }),
  'bedrock-converse': aws,
  kiro: aws,
};

/** The JSON text of `{ message, type, status }` in that dialect; in OpenAI chat's when it is not known. */
const errorBody = (dialect, failure) => JSON.stringify((bodies[dialect] ?? openai)(failure));

const TRUNCATED = { type: 'upstream_truncated', message: 'upstream ended early' };

/** The upstream ended before the provider said that it was done. */
const truncated = () => make('StreamUpstream', { detail: TRUNCATED.message, provider: { ...TRUNCATED } });

/** What the client is told about an upstream's own error. */
function failureOf(error) {
  const failure = {
    message: String(error?.message || 'upstream failed'),
    type: typeof error?.type === 'string' ? error.type : 'upstream_error',
  };
  const status = [error?.status, error?.statusCode].find((code) => Number.isInteger(code) && code >= 400 && code < 600);
  return status === undefined ? failure : { ...failure, status };
}

/** What the client is told when pipeStream rejects: nothing of what went wrong inside. */
function refusalOf(error) {
  if (error?.code === 'ERR_STREAM_FRAME') return { type: 'upstream_error', message: 'upstream sent what cannot be read' };
  if (error?.code !== 'ERR_ABORTED') return { type: 'internal_error', message: 'the stream failed', status: 500 };
  const timedOut = error.cause?.name === 'TimeoutError';
  return { type: 'aborted', message: 'the stream was aborted', status: timedOut ? 504 : 503 };
}

module.exports = { errorBody, truncated, TRUNCATED, failureOf, refusalOf };
