'use strict';
// The gateway, the offline provider and the clients as processes of their own, as they run in earnest.
const { execFile, spawn } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
const example = path.join(root, 'examples', 'gateway');
const children = new Set();

/** Starts a script and waits until it prints an address after `before`. */
async function start(file, env, before) {
  const child = spawn(process.execPath, ['--expose-gc', path.join(example, file)], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  child.output = '';
  child.errors = '';
  child.stderr.on('data', (chunk) => {
    child.errors += chunk;
  });
  const exited = once(child, 'exit').then(([code, signal]) => {
    children.delete(child);
    return { code, signal };
  });
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      child.output += chunk;
      if (child.output.includes(before) && child.output.endsWith('\n')) resolve();
    });
    exited.then(({ code }) => reject(new Error(`${file} ended with ${code}: ${child.errors}`)));
  });
  return {
    child,
    url: /http:\/\/[\d.]+:\d+/.exec(child.output.slice(child.output.indexOf(before)))[0],
    output: () => child.output,
    errors: () => child.errors,
    exited,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}
/** `npm start` with that environment, on a free port; without limits, which limits.test.js is for. */
const startGateway = (env = {}) =>
  start('main.mjs', { PORT: '0', TOKENS_PER_SECOND: '0', USAGE: 'off', RATE_LIMIT: '0', UPSTREAM_CONCURRENCY: '0', ...env }, 'try: curl').then((gateway) => ({
    ...gateway,
    url: /gateway on (\S+)/.exec(gateway.output())[1],
  }));
/** The offline provider alone; `stats()` tells what it has seen. */
async function startProvider(env = {}) {
  const provider = await start('provider.mjs', env, 'offline provider on');
  return { ...provider, stats: async () => JSON.parse((await get(`${provider.url}/stats`)).text) };
}
function stopAll() {
  for (const child of children) child.kill('SIGKILL');
}

/** A request whose response is read as it comes: `{ status, headers, text }`, with `cut` where the connection broke. */
function request(url, { method = 'POST', body, headers = {}, onChunk, signal } = {}) {
  return new Promise((resolve, reject) => {
    const call = http.request(
      url,
      {
        method,
        signal,
        agent: false,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      },
      (response) => {
        const chunks = [];
        const result = (cut) =>
          resolve({
            status: response.statusCode,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
            cut,
          });
        response.on('data', (chunk) => {
          chunks.push(chunk);
          onChunk?.(chunk, call);
        });
        response.on('end', () => result(false));
        response.on('error', () => result(true));
      },
    );
    call.on('error', reject);
    call.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
  });
}
const get = (url) => request(url, { method: 'GET' });

/** Runs a script of `clients/` against an address; resolves with what it printed. */
function runClient(name, url, format) {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [path.join(__dirname, 'clients', `${name}.mjs`), url, format],
      { cwd: root, timeout: 240_000, maxBuffer: 2 ** 24 },
      (error, stdout, stderr) => {
        if (error) return reject(new Error(`${error.message}\n${stderr}`));
        return resolve(JSON.parse(stdout));
      },
    );
  });
}
async function until(condition, timeoutMs = 60_000) {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('it did not come true in time');
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

/** The events of a stream, parsed; the half of one that an upstream cut off is left out. */
function eventsOf(text) {
  const lines = text
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trim());
  return lines
    .filter((data) => data !== '[DONE]')
    .flatMap((data) => {
      try {
        return [JSON.parse(data)];
      } catch {
        return [];
      }
    });
}

/** The request of each dialect for a prompt. */
const dialects = {
  'openai-chat': (model, prompt, stream) => [
    '/v1/chat/completions',
    { model, stream, messages: [{ role: 'user', content: prompt }] },
  ],
  'openai-responses': (model, prompt, stream) => ['/v1/responses', { model, stream, input: prompt }],
  claude: (model, prompt, stream) => [
    '/v1/messages',
    { model, stream, max_tokens: 4096, messages: [{ role: 'user', content: prompt }] },
  ],
  gemini: (model, prompt, stream) => [
    `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    { contents: [{ role: 'user', parts: [{ text: prompt }] }] },
  ],
};
const send = (url, dialect, { model = 'offline', prompt = 'hello', stream = true, ...options } = {}) => {
  const [where, body] = dialects[dialect](model, prompt, stream);
  return request(url + where, { body, ...options });
};
const upstreamFormats = [
  'openai-chat',
  'openai-responses',
  'claude',
  'gemini',
  'ollama',
  'bedrock-converse',
  'claude-aws',
  'kiro',
];

module.exports = {
  root,
  startGateway,
  startProvider,
  stopAll,
  request,
  get,
  runClient,
  until,
  eventsOf,
  dialects,
  send,
  upstreamFormats,
};
