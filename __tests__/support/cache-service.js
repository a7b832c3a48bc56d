'use strict';
// What suites of CacheService share: a Redis, a folder for each test, and services that end with it.
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { CacheService } = require('sluice/compat');
const { startRedis, stopAll } = require('../redis');

const VARIABLES = ['REDIS_URL', 'CACHE_L3_PATH', 'CACHE_L3_ENABLED', 'CACHE_BLOOM_FILTER', 'CACHE_WARMUP_ENABLED', 'CACHE_WARMUP_SCHEDULE', 'ENABLE_PERFORMANCE_OPTIMIZATION'];
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
/** The suite's server, and the folder of the test that runs. */
const here = { server: undefined, folder: undefined };
let services;
/** To be called once by a suite: no test hears of another's variables, folder or services. */
function useServices() {
  beforeAll(async () => {
    here.server = await startRedis();
  });
  afterAll(stopAll);
  beforeEach(() => {
    for (const name of VARIABLES) delete process.env[name];
    here.folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-service-'));
    services = [];
  });
  afterEach(async () => {
    await Promise.all(services.map((service) => service.destroy()));
    rmSync(here.folder, { recursive: true, force: true });
    for (const [name, value] of Object.entries(before)) if (value === undefined) delete process.env[name]; else process.env[name] = value;
  });
}
/** Services that are destroyed when the test is over. */
const atEnd = (...more) => void services.push(...more);
function make(options) {
  const service = new CacheService(options);
  atEnd(service);
  return service;
}
const l3 = (options) => make({ l3Path: here.folder, ...options });
let prefixes = 0;
const prefix = () => `t${(prefixes += 1)}:`;
const exact = { skipTtlRandomization: true };
// what is not about deadlines has time, on a slow machine too
const patient = { commandTimeoutMs: 20_000 };

module.exports = { here, useServices, atEnd, make, l3, prefix, exact, patient };
