'use strict';
// Free loopback ports below the ephemeral range, so that nobody's outgoing connection takes one while a server restarts.
const net = require('node:net');
const { once } = require('node:events');

const [FIRST, LAST] = [10_000, 31_000];

async function isFree(port) {
  const server = net.createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** A port that nobody listens on. */
async function freePort() {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (await isFree(port)) return port;
  }
  throw new Error('no free port was found');
}

module.exports = { freePort };
