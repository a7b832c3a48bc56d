// Errors in the shape that each dialect's clients expect.

const kinds = {
  openai: {
    401: 'authentication_error',
    403: 'permission_error',
    404: 'invalid_request_error',
    429: 'rate_limit_error',
  },
  claude: {
    401: 'authentication_error',
    403: 'permission_error',
    404: 'not_found_error',
    413: 'request_too_large',
    429: 'rate_limit_error',
    503: 'overloaded_error',
    504: 'timeout_error',
    529: 'overloaded_error',
  },
  gemini: {
    401: 'UNAUTHENTICATED',
    403: 'PERMISSION_DENIED',
    404: 'NOT_FOUND',
    429: 'RESOURCE_EXHAUSTED',
    503: 'UNAVAILABLE',
    504: 'DEADLINE_EXCEEDED',
  },
};

/** What goes wrong before the first byte of an answer; `retryable`: another upstream may do better. */
export class Failure extends Error {
  constructor(status, message, { param = null, code = null, retryAfter, retryable = false, cause } = {}) {
    super(message, { cause });
    // the headers are for the limiter, which looks for them where errors of HTTP clients have them
    Object.assign(this, { status, param, code, retryAfter, retryable, headers: { 'retry-after': retryAfter } });
  }
}

/** The status that clients of a dialect know: only Claude's know 529. */
export function statusFor(client, status) {
  if (client === 'claude') return status === 503 ? 529 : status;
  return status === 529 ? 503 : status;
}

/** The body of an error, as a string. */
export function errorBody(client, status, message, { param = null, code = null } = {}) {
  const bad = status < 500;
  if (client === 'claude')
    return JSON.stringify({
      type: 'error',
      error: { type: kinds.claude[status] ?? (bad ? 'invalid_request_error' : 'api_error'), message },
    });
  if (client === 'gemini')
    return JSON.stringify({
      error: { code: status, message, status: kinds.gemini[status] ?? (bad ? 'INVALID_ARGUMENT' : 'INTERNAL') },
    });
  return JSON.stringify({
    error: { message, type: kinds.openai[status] ?? (bad ? 'invalid_request_error' : 'server_error'), param, code },
  });
}

/** What an upstream said about its failure, in whatever shape. */
export function upstreamMessage(bytes, fallback) {
  try {
    const body = JSON.parse(bytes);
    const one = Array.isArray(body) ? body[0] : body;
    const message = one?.error?.message ?? one?.message ?? one?.error;
    if (typeof message === 'string' && message !== '') return message;
  } catch {
    /* Not JSON: a proxy's page, perhaps; nothing for clients. */
  }
  return fallback;
}
