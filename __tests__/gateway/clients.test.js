'use strict';
// The services' own clients, against the gateway in front of every upstream format.
const { runClient, startGateway, stopAll, upstreamFormats } = require('./support');

afterAll(stopAll);

describe.each(upstreamFormats)('upstream %s', (format) => {
  let gateway;
  beforeAll(async () => {
    gateway = await startGateway({ UPSTREAM_FORMAT: format });
  });
  afterAll(() => gateway.stop());

  test.each([
    ['openai', 14],
    ['anthropic', 7],
    ['google', 7],
    ['ai', 30],
  ])('%s', async (client, count) => {
    const results = await runClient(client, gateway.url, format);
    expect(results.filter(({ problem }) => problem !== null)).toEqual([]);
    expect(results).toHaveLength(count);
  });
});
