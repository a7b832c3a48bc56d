'use strict';
// The contract on a real cluster of three masters, and behind a sentinel.
const { startCluster, startSentinel, stopAll } = require('../../redis');
const clients = require('../clients');
const { contract } = require('./combination');
const suites = require('./suites');

let cluster;
let sentinel;
const made = {};
beforeAll(async () => {
  [cluster, sentinel] = await Promise.all([startCluster(), startSentinel()]);
  made.ioredis = clients.ioredisCluster(cluster);
  made.node = await clients.nodeRedisCluster(cluster);
});
afterAll(async () => {
  for (const { close } of Object.values(made)) close();
  await stopAll();
});

const own = (keyPrefix) => ({ url: cluster.urls, keyPrefix });
const of = (name, more) => (keyPrefix) => ({ client: made[name].client, keyPrefix, ...more });
const watched = (keyPrefix) => ({ sentinel: { masterName: sentinel.name, nodes: sentinel.nodes }, keyPrefix });

contract([
  { name: 'cluster', memory: false, redis: own, isOwn: true },
  { name: 'cluster, memory', redis: own, isOwn: true, echoes: true },
  { name: 'cluster by ioredis, memory', redis: of('ioredis'), plain: true },
  { name: 'cluster by node-redis, tagged, memory and disk', redis: of('node', { format: 'tagged' }), disk: true },
  { name: 'sentinel', memory: false, redis: watched, isOwn: true },
  { name: 'sentinel, memory', redis: watched, isOwn: true },
], suites);
