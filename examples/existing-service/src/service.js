'use strict';
// The service: takes upload jobs, tells about files, streams answers.
const http = require('node:http');
const {
  BatchProcessor, CacheService, LocalCache, QstashQueue, RateLimiter, RequestLimiter, SlidingWindowLimiter, getRequestBody, handleStream,
} = require('./classes');

const JOB_TOPIC = 'https://worker.example/upload';

function answer(res, status, body, headers = {}) {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(body));
}

/**
 * `backend(id)`: what is known of a file, slowly. `upstream(prompt)`: a provider's stream. `record(entries)`: where accesses
 * are written. All else has its defaults.
 */
function createService({ backend, upstream, record = async () => {}, queue = {}, cache = {}, limits = {}, maxBodyBytes = 64 * 1024 }) {
  const jobs = new QstashQueue(queue);
  const files = new CacheService(cache);
  const progress = new LocalCache();
  const backendLimiter = new RateLimiter(limits.backend ?? 1000, 60_000);
  const keys = new SlidingWindowLimiter({ windowMs: 60_000, maxRequests: limits.perKey ?? 1000 });
  const clients = new RequestLimiter({ limit: limits.perClient ?? 10_000, burst: limits.burst ?? 10_000, keyGenerator: (req) => req.socket.remoteAddress });
  const accesses = new BatchProcessor({ maxBatchSize: 20, maxWaitTime: 50 }, record);

  async function upload(req, res) {
    const key = String(req.headers['x-api-key'] ?? 'anonymous');
    if (!(await keys.checkLimit(key))) return answer(res, 429, { error: 'Too many uploads' });
    const { files: names } = await getRequestBody(req, maxBodyBytes);
    if (!Array.isArray(names)) return answer(res, 400, { error: 'files must be an array' });
    const queued = await Promise.all(names.map((name) => jobs.publish(JOB_TOPIC, { name, by: key })));
    for (const name of names) progress.set(name, { state: 'queued' });
    return answer(res, 202, { queued: queued.length });
  }

  async function file(id, res) {
    let known = await files.get(`file:${id}`);
    const cached = known !== null;
    if (!cached) {
      known = await backendLimiter.execute(() => backend(id));
      await files.set(`file:${id}`, known, 300);
    }
    accesses.add({ id, cached }).catch(() => {});
    return answer(res, 200, { ...known, progress: progress.get(id) }, { 'x-cache': cached ? 'hit' : 'miss' });
  }

  async function route(req, res) {
    const { pathname, searchParams } = new URL(req.url, 'http://service');
    if (req.method === 'POST' && pathname === '/uploads') return upload(req, res);
    if (pathname.startsWith('/files/')) return file(decodeURIComponent(pathname.slice(7)), res);
    if (pathname === '/answer') return handleStream(await upstream(searchParams.get('prompt')), res, { from: 'openai-chat' });
    if (pathname === '/stats') return answer(res, 200, { cache: files.getStats(), queue: jobs.getBufferStatus(), limiter: backendLimiter.getStatus() });
    return answer(res, 404, { error: 'Not found' });
  }

  const server = http.createServer((req, res) => {
    clients.handleRequest(req, res, () => {
      route(req, res).catch((error) => {
        if (!res.headersSent) answer(res, error.status ?? (/Invalid JSON/.test(error.message) ? 400 : 500), { error: error.message });
      });
    });
  });

  return {
    server,
    async listen(port = 0) {
      await Promise.all([jobs.initialize(), files.initialize()]);
      await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
      return server.address().port;
    },
    async close() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      await jobs.close();
      await files.destroy();
    },
  };
}

module.exports = { createService, JOB_TOPIC };
