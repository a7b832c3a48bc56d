'use strict';
// Clients as applications have them, on real servers: what an injected client may be.
const { Redis, Cluster } = require('ioredis');
const { createClient, createCluster } = require('redis');
const RedisMock = require('ioredis-mock');

const quiet = (client) => client.on('error', () => {});

/** An ioredis client of a server. */
function ioredis(server, options) {
  const client = quiet(new Redis(server.clientOptions(options)));
  return { client, close: () => client.disconnect() };
}
async function nodeRedis(server) {
  const client = quiet(createClient({ url: server.url, socket: { reconnectStrategy: 50 } }));
  await client.connect();
  return { client, close: () => client.destroy() };
}
function ioredisCluster(cluster, options) {
  const client = quiet(new Cluster(cluster.nodes.map(({ host, port }) => ({ host, port })), options));
  return { client, close: () => client.disconnect() };
}
async function nodeRedisCluster(cluster) {
  const client = quiet(createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) }));
  await client.connect();
  return { client, close: () => client.destroy() };
}
/** A mock holds its data for all mocks of the same address. */
let mocks = 0;
function mock(options) {
  mocks += 1;
  const client = new RedisMock({ host: `mock-${mocks}`, ...options });
  return { client, close: () => client.disconnect() };
}
/** The least that is a client: get, set and del, on another one's connection. */
function least({ client, close }) {
  return {
    client: { get: (key) => client.get(key), set: (...args) => client.set(...args), del: (...keys) => client.del(...keys) },
    close,
  };
}

module.exports = { ioredis, nodeRedis, ioredisCluster, nodeRedisCluster, mock, least };
