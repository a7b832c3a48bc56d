'use strict';
// Free loopback ports below the ephemeral range, so that nobody's outgoing connection takes one while a server restarts.
const net = require('node:net');
const { once } = require('node:events');

const [FIRST, LAST] = [10_000, 31_000];
/** Each of jest's processes has a part of the range to itself. */
const PARTS = 8;
const PART = (LAST - FIRST) / PARTS;
const first = FIRST + (Number(process.env.JEST_WORKER_ID ?? 0) % PARTS) * PART;

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
    const port = first + Math.floor(Math.random() * PART);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port was found');
}

module.exports = { freePort };
