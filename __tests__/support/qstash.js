'use strict';
// A loopback server that answers as QStash does.
const { collect, serve } = require('./loopback');

/** `answer(messages, at)`: what to reply to request `at`: entries, `{ status, headers, text }`, or nothing (no reply). */
async function qstashServer(answer = (messages, at) => messages.map((_, one) => ({ messageId: `msg_${at}_${one}` }))) {
  const requests = [];
  const server = await serve(async (req, res) => {
    const { text } = await collect(req);
    const request = { method: req.method, path: req.url, headers: req.headers, bytes: Buffer.byteLength(text), messages: JSON.parse(text) };
    requests.push(request);
    const said = await answer(request.messages, requests.length - 1, { req, res });
    if (said === undefined) return;
    const { status = 200, headers = {}, text: body } = Array.isArray(said) ? { text: JSON.stringify(said) } : said;
    res.writeHead(status, headers).end(body);
  });
  return { ...server, requests };
}

/** The same, where a message's id is its place in its request. */
const qstash = (answer = (messages) => messages.map((_, at) => ({ messageId: `msg_${at}` }))) => qstashServer(answer);
const token = 'secret';
const to = (name, more) => ({ destination: `https://example.org/${name}`, ...more });
const ids = (...names) => names.map((messageId) => ({ messageId }));
/** What each result is: its id, or its error's text and status. */
const seen = (results) => results.map((result) => (result instanceof Error ? [result.message, result.status] : result.messageId));
const failed = (promise) => promise.then(() => {
  throw new Error('it resolved');
}, (error) => error);

/** A client as QStash's own, whose calls are noted and take `ms`. */
function qstashClient({ ms = 0, has = ['batchJSON', 'publishJSON'], refuse = () => undefined } = {}) {
  const batches = [];
  const singles = [];
  const pause = () => (ms === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, ms)));
  const one = (message) => {
    const error = refuse(message);
    if (error !== undefined) throw error;
    return { messageId: `for ${JSON.stringify(message.body)}` };
  };
  const all = {
    async batchJSON(messages) {
      batches.push(messages);
      await pause();
      return messages.map(one);
    },
    async publishJSON(message) {
      singles.push(message);
      await pause();
      return one(message);
    },
  };
  const client = Object.fromEntries(has.map((name) => [name, all[name]]));
  return { client, batches, singles, get calls() { return batches.length + singles.length; } };
}

module.exports = { qstashClient, qstashServer, qstash, token, to, ids, seen, failed };
