'use strict';
// What suites of RedisClient share: a server with a password, and clients that end with their test.
const { RedisClient } = require('sluice/compat');
const { startRedis, stopAll } = require('../redis');

const VARIABLES = ['REDIS_HOST', 'REDIS_PORT', 'REDIS_PASSWORD', 'REDIS_DB'];
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
/** The suite's server. */
const here = { server: undefined };
let made;
/** To be called once by a suite: each test begins with an empty server, and without variables. */
function useClients() {
  beforeAll(async () => {
    here.server = await startRedis({ password: 'secret' });
  });
  afterAll(stopAll);
  beforeEach(() => {
    for (const name of VARIABLES) delete process.env[name];
    made = [];
  });
  afterEach(async () => {
    await Promise.all(made.map((one) => one()));
    await here.server.command('FLUSHALL');
    for (const [name, value] of Object.entries(before)) if (value === undefined) delete process.env[name]; else process.env[name] = value;
  });
}
/** What is to be done when the test is over. */
const atEnd = (close) => void made.push(close);
function make(options) {
  const client = new RedisClient(options);
  atEnd(() => client.disconnect());
  return client;
}
// what is not about deadlines has time, on a slow machine too
const patient = { commandTimeoutMs: 20_000 };
const own = (options) => make({ ...patient, host: here.server.host, port: here.server.port, password: 'secret', ...options });

module.exports = { here, useClients, atEnd, make, own, patient };
