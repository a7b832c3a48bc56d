'use strict';
// A QStash on this machine, for development and for the tests: it answers as the real one does, and keeps what came.
const http = require('node:http');

async function startQstash({ delayMs = 0 } = {}) {
  const messages = [];
  const calls = { count: 0 };
  const server = http.createServer((req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      calls.count += 1;
      const body = Buffer.concat(chunks).toString();
      const take = (destination, text) => {
        messages.push({ destination, body: JSON.parse(text) });
        return { messageId: `qstash_${messages.length}` };
      };
      let said;
      if (req.headers.authorization !== 'Bearer test-token') {
        res.statusCode = 401;
        said = { error: 'unauthorized' };
      } else if (req.url === '/v2/batch') {
        said = JSON.parse(body).map((item) => take(item.destination, item.body));
      } else {
        said = take(decodeURIComponent(req.url.replace('/v2/publish/', '')), body);
      }
      setTimeout(() => {
        res.setHeader('content-type', 'application/json');
        res.end(JSON.stringify(said));
      }, delayMs);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    token: 'test-token',
    messages,
    calls,
    async close() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

module.exports = { startQstash };
