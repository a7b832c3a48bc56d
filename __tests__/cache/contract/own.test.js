'use strict';
// The contract on our own connection to one server: Redis alone, and with memory and disk.
const { startRedis, stopAll } = require('../../redis');
const { contract } = require('./combination');
const suites = require('./suites');

let server;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(stopAll);

const tagged = (keyPrefix) => ({ url: server.url, keyPrefix });
const plain = (keyPrefix) => ({ url: server.url, keyPrefix, format: 'plain' });

contract([
  { name: 'Redis, tagged', memory: false, redis: tagged, isOwn: true },
  { name: 'Redis, plain', memory: false, redis: plain, isOwn: true, plain: true },
  { name: 'Redis and disk, tagged', memory: false, redis: tagged, disk: true, isOwn: true },
  { name: 'memory, Redis and disk, tagged', redis: tagged, disk: true, isOwn: true },
  { name: 'memory and Redis, tagged', redis: tagged, isOwn: true },
  { name: 'memory and Redis, plain', redis: plain, isOwn: true, plain: true },
], suites);
