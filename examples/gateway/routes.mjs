// What a request is before its body is read: whose dialect, which model, streamed or not.
import { Failure } from './errors.mjs';

const routes = [
  ['openai-chat', /^\/v1\/chat\/completions$/],
  ['openai-responses', /^\/v1\/responses$/],
  ['claude', /^\/v1\/messages$/],
  ['gemini', /^\/v1beta\/models\/([^/:]+):(generateContent|streamGenerateContent)$/],
];

/** Whose errors an unknown path gets. */
export const dialectOf = (path) => (path.startsWith('/v1beta') ? 'gemini' : 'openai-chat');

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Failure(400, 'the path is not percent-encoded as it should be');
  }
}

/** The dialect of a request, from its path; Gemini's path also names the model and says whether to stream. */
export function routeOf(req) {
  const [pathname, query = ''] = req.url.split('?');
  for (const [client, path] of routes) {
    const match = path.exec(pathname);
    if (match === null) continue;
    if (client !== 'gemini') return { client };
    const streams = match[2] === 'streamGenerateContent';
    // Without alt=sse Gemini streams a JSON array, whose elements clients read when it has ended: one element does.
    return { client, model: unescaped(match[1]), stream: streams && /(^|&)alt=sse(&|$)/.test(query), array: streams };
  }
  return { client: dialectOf(pathname), unknown: true };
}

/** A Gemini request that says in the body what its path says: so do the other dialects. */
export function saying(document, stream) {
  try {
    return document.with({ '/stream': stream });
  } catch (cause) {
    throw new Failure(400, 'the body must be a JSON object', { cause });
  }
}

/** What asks an upstream of the client's own dialect for features that are not for all. */
export const betaOf = ({ headers }) =>
  headers['anthropic-beta'] === undefined ? {} : { 'anthropic-beta': headers['anthropic-beta'] };

/** The key that the client sent, in whichever header its dialect has for it. */
export const keyOf = ({ headers }) =>
  headers['x-api-key'] ?? headers['x-goog-api-key'] ?? headers.authorization?.replace(/^Bearer /i, '');
