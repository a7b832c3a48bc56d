'use strict';
// What came of messages that were published together: which of them QStash refused, and which request is sent again in halves.
const { make, isError } = require('../errors');

/** One message can be the reason for these, so the others go without it. */
const ISOLATED = new Set([400, 413, 422]);

const failure = (detail, fields, cause) => Object.assign(make('Qstash', { detail }, cause), fields);
const statusOf = (said) => [said?.status, said?.statusCode].find((status) => Number.isInteger(status) && status >= 400 && status < 600);
/** What an error entry, or the body of an error, says; undefined for anything else. */
function complaintOf(entry) {
  if (entry === null || typeof entry !== 'object') return undefined;
  const said = entry.error ?? (entry.messageId === undefined ? entry.message : undefined);
  const detail = typeof said === 'object' ? said?.message : said;
  return typeof detail === 'string' && detail !== '' ? detail.slice(0, 500) : undefined;
}
/** The error that an entry of an answer is; undefined: it is none. A URL group answers with an array. */
function refusalOf(entry) {
  if (Array.isArray(entry)) {
    const refusal = entry.map(refusalOf).find((one) => one !== undefined);
    return refusal === undefined ? undefined : Object.assign(refusal, { results: entry });
  }
  const detail = complaintOf(entry);
  const status = statusOf(entry) ?? statusOf(entry?.error);
  if (detail === undefined && status === undefined) return undefined;
  return failure(detail ?? `status ${status}`, status === undefined ? {} : { status });
}

/**
 * Publishes parts of a batch, one after the other: messages of a QStash queue stay in order, and a service in trouble is
 * left alone. A part is an array of `{ at, … }`; `publish(part)` resolves with one result or Error for each of it, which
 * comes to `results[at]`. One that throws fails all that were to follow, unless one message can be the reason: then by halves.
 */
async function publishParts(parts, publish, results) {
  while (parts.length > 0) {
    const part = parts.shift();
    try {
      const answer = await publish(part);
      part.forEach(({ at }, index) => {
        results[at] = answer[index];
      });
    } catch (error) {
      const isolated = ISOLATED.has(error?.status);
      if (isolated && part.length > 1) {
        const half = part.length >> 1;
        parts.unshift(part.slice(0, half), part.slice(half));
        continue;
      }
      for (const { at } of isolated ? part : [part, ...parts.splice(0)].flat()) results[at] = error;
    }
  }
  const [first] = results;
  if (isError(first) && results.every((result) => result === first)) throw first;
  return results;
}

module.exports = { complaintOf, failure, publishParts, refusalOf };
