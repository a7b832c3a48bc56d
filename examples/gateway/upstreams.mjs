// How each upstream is asked: its path, its headers, and the last touches to a request that `convertRequest` has made.
import http from 'node:http';
import https from 'node:https';
import { JsonDocument } from 'sluice';
import { converseRequest, kiroRequest } from './aws.mjs';

const bearer = (key) => ({ authorization: `Bearer ${key}` });
const change = async (body, changes) => {
  const document = await JsonDocument.parse(body);
  try {
    return document.with(changes);
  } finally {
    document.close();
  }
};
const rebuilt = (make) => async (body, model) => Buffer.from(JSON.stringify(make(JSON.parse(body), model)));

// `asks` is the dialect that the request is converted to, `from` what comes back.
const rows = {
  'openai-chat': { asks: 'openai-chat', path: () => '/v1/chat/completions', auth: bearer },
  'openai-responses': { asks: 'openai-responses', path: () => '/v1/responses', auth: bearer },
  claude: {
    asks: 'claude',
    path: () => '/v1/messages',
    auth: (key) => ({ 'x-api-key': key }),
    headers: { 'anthropic-version': '2023-06-01' },
  },
  gemini: {
    asks: 'gemini',
    path: (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    auth: (key) => ({ 'x-goog-api-key': key }),
  },
  ollama: { asks: 'ollama', path: () => '/api/chat', auth: bearer },
  'bedrock-converse': {
    asks: 'claude',
    path: (model, stream) => `/model/${model}/${stream ? 'converse-stream' : 'converse'}`,
    auth: bearer,
    finish: rebuilt(converseRequest),
  },
  'claude-aws': {
    asks: 'claude',
    from: 'claude',
    framing: 'aws-eventstream',
    auth: bearer,
    path: (model, stream) => `/model/${model}/${stream ? 'invoke-with-response-stream' : 'invoke'}`,
    finish: (body) =>
      change(body, { '/model': undefined, '/stream': undefined, '/anthropic_version': 'bedrock-2023-05-31' }),
  },
  // Its service streams whatever it is asked.
  kiro: {
    asks: 'claude',
    path: () => '/generateAssistantResponse',
    auth: bearer,
    streamsOnly: true,
    finish: rebuilt(kiroRequest),
  },
};
export const upstreamFormats = Object.keys(rows);

/** An upstream: `{ url, format, key, model }`, where `format` is one of `upstreamFormats`; its answers are kept under `name`. */
export function upstream({ url, format, key, model, name = url, idleTimeoutMs = 60_000 }) {
  const row = rows[format];
  if (row === undefined)
    throw new TypeError(`unknown upstream format ${format}; known are ${upstreamFormats.join(', ')}`);
  const base = new URL(url).href.replace(/\/(v1|v1beta)?\/?$/, '');
  const { request, Agent } = base.startsWith('https:') ? https : http;
  const agent = new Agent({ keepAlive: true });

  /** One request; resolves with the response once its headers are there. `fresh`: on a connection of its own. */
  function post(target, headers, body, signal, fresh = false) {
    return new Promise((resolve, reject) => {
      let response = null;
      const call = request(target, { method: 'POST', agent: fresh ? false : agent, signal, headers }, (answer) =>
        resolve((response = answer)),
      );
      call.on('error', (error) => {
        // A kept connection may have been closed by the other side just as it was taken again.
        if (call.reusedSocket && error.code === 'ECONNRESET')
          post(target, headers, body, signal, true).then(resolve, reject);
        else reject(error);
      });
      call.setTimeout(idleTimeoutMs, () => {
        const error = Object.assign(new Error(`upstream sent nothing for ${idleTimeoutMs} ms`), { code: 'ETIMEDOUT' });
        (response ?? call).destroy(error);
      });
      call.end(body);
    });
  }

  return {
    url: base,
    name,
    passesKey: key === undefined,
    format,
    asks: row.asks,
    from: row.from ?? format,
    framing: row.framing,
    streamsOnly: row.streamsOnly === true,
    close: () => agent.destroy(),
    model,
    /** Sends a request that is in the dialect `asks`. */
    async send(body, { model: name, stream, key: clientKey, headers: more, signal }) {
      const bytes = row.finish ? await row.finish(body, name) : body;
      const secret = key ?? clientKey;
      const headers = {
        'content-type': 'application/json',
        'content-length': bytes.length,
        ...row.headers,
        ...more,
        ...(secret ? row.auth(secret) : {}),
      };
      return post(base + row.path(encodeURIComponent(name.toWellFormed()), stream), headers, bytes, signal);
    },
  };
}
