'use strict';
// A real cluster, built by commands as redis-cli would.
const { Cluster } = require('ioredis');
const { startRedis } = require('./server');
const { freePort } = require('./ports');

const SLOTS = 16_384;
const FORM_MS = 120_000;

async function eventually(holds, what, limitMs = FORM_MS) {
  const deadline = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startMaster(args) {
  const bus = await freePort();
  const cluster = ['--cluster-enabled', 'yes', '--cluster-port', String(bus), '--cluster-node-timeout', '2000', '--cluster-require-full-coverage', 'no'];
  const server = await startRedis({ args: [...cluster, ...args] });
  return { server, bus };
}

/** Starts `masters` masters that share the slots evenly. */
async function startCluster({ masters = 3, args = [] } = {}) {
  const started = await Promise.all(Array.from({ length: masters }, () => startMaster(args)));
  const nodes = started.map(({ server }) => server);
  const share = Math.ceil(SLOTS / masters);
  const own = nodes.map((node) => node.client());
  for (const [at, client] of own.entries()) {
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
    await client.call('CLUSTER', 'ADDSLOTSRANGE', at * share, Math.min((at + 1) * share, SLOTS) - 1);
  }
  for (const { server, bus } of started.slice(1)) await own[0].call('CLUSTER', 'MEET', server.host, server.port, bus);
  const formed = async (client) => {
    const info = await client.call('CLUSTER', 'INFO');
    const slots = await client.call('CLUSTER', 'SLOTS');
    return info.includes('cluster_state:ok') && slots.length === masters;
  };
  for (const client of own) await eventually(() => formed(client), 'the cluster forms');
  const clients = new Set();
  return {
    nodes,
    urls: nodes.map((node) => node.url),
    /** A cluster client that is not the addon's; closed with the cluster. */
    client(options) {
      const client = new Cluster(nodes.map(({ host, port }) => ({ host, port })), options);
      client.on('error', () => {});
      clients.add(client);
      return client;
    },
    async stop() {
      for (const client of clients) client.disconnect();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

module.exports = { startCluster, eventually };
