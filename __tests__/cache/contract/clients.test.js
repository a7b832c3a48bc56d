'use strict';
// The contract on clients that the application has, on one server and on a mock.
const { startRedis, stopAll } = require('../../redis');
const clients = require('../clients');
const { contract } = require('./combination');
const suites = require('./suites');

const made = {};
beforeAll(async () => {
  const server = await startRedis();
  Object.assign(made, {
    ioredis: clients.ioredis(server),
    prefixed: clients.ioredis(server, { keyPrefix: 'application:' }),
    node: await clients.nodeRedis(server),
    mock: clients.mock(),
  });
});
afterAll(async () => {
  for (const { close } of Object.values(made)) close();
  await stopAll();
});

const of = (name, more) => (keyPrefix) => ({ client: made[name].client, keyPrefix, ...more });

// a mock interprets scripts in JavaScript, which takes it milliseconds each
contract([
  { name: 'ioredis', memory: false, redis: of('ioredis'), plain: true },
  { name: 'ioredis, tagged', memory: false, redis: of('ioredis', { format: 'tagged' }) },
  { name: 'ioredis with a prefix of its own, memory', redis: of('prefixed'), plain: true },
  { name: 'ioredis, memory and disk', redis: of('ioredis'), plain: true, disk: true },
  { name: 'ioredis, tagged, memory and disk', redis: of('ioredis', { format: 'tagged' }), disk: true },
  { name: 'ioredis and disk', memory: false, redis: of('ioredis'), plain: true, disk: true },
  { name: 'node-redis', memory: false, redis: of('node'), plain: true },
  { name: 'node-redis, tagged, memory and disk', redis: of('node', { format: 'tagged' }), disk: true },
  { name: 'ioredis-mock', memory: false, redis: of('mock'), plain: true, tagged: 40 },
  { name: 'ioredis-mock, memory', redis: of('mock'), plain: true, tagged: 40 },
  { name: 'ioredis-mock, tagged, memory and disk', redis: of('mock', { format: 'tagged' }), disk: true, tagged: 40 },
], suites);
