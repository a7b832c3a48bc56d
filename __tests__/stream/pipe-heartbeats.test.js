'use strict';
// pipeStream's heartbeats: when they come, and that they never harm the stream.
const { Readable, PassThrough, Writable } = require('node:stream');
const { finished } = require('node:stream/promises');
const { pipeStream } = require('sluice');
const { until } = require('../support/loopback');
const { said, STOP, DONE, events } = require('../support/chat');

const WHOLE = said('Hello') + STOP + DONE;
const from = 'openai-chat';

describe('heartbeats', () => {
  let heard;
  const beats = () => heard.match(/^:.*\n\n/gm) ?? [];
  /** Pieces of an upstream, and behind each how long it waits, or what it waits for. */
  async function* paced(...steps) {
    for (const [piece, wait] of steps) {
      yield Buffer.from(piece);
      if (typeof wait === 'function') await until(wait);
      else await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  const run = async (upstream, options) => {
    const client = new PassThrough();
    heard = '';
    client.on('data', (piece) => (heard += piece));
    await pipeStream(upstream, client, { from, heartbeatMs: 20, ...options });
    await finished(client);
    return heard;
  };

  test('come between events, and the stream stays what it is', async () => {
    const began = performance.now();
    const text = await run(paced([said('Hello'), () => beats().length >= 3], [STOP + DONE, 0]));
    // not more often than asked for, however long it took
    expect(beats().length).toBeLessThanOrEqual(Math.floor((performance.now() - began) / 20) + 1);
    expect(text.replace(/^:.*\n\n/gm, '')).toBe(WHOLE);
  });

  test('never come inside an event', async () => {
    const hello = said('Hello');
    const text = await run(paced([hello.slice(0, 30), 100], [hello.slice(30) + STOP + DONE, 0]));
    expect(text).toBe(WHOLE);
  });

  test('converted, a half upstream event holds none back', async () => {
    const hello = said('Hello');
    const text = await run(paced([hello + hello.slice(0, 30), () => beats().length >= 2], [hello.slice(30) + STOP + DONE, 0]), { to: 'claude' });
    expect(events(text).filter((event) => event.type === 'content_block_delta')).toHaveLength(2);
  });

  test('keep a client that waits for its first byte', async () => {
    async function* late() {
      await until(() => beats().length > 0);
      yield Buffer.from(WHOLE);
    }
    expect(await run(late())).toMatch(/^:/);
  });

  test('are not for NDJSON', async () => {
    const text = await run(paced([said('Hello'), 100], [STOP + DONE, 0]), { to: 'ollama' });
    for (const line of text.trim().split('\n')) JSON.parse(line);
  });

  test('do not pile up behind a client that does not read', async () => {
    const client = new Writable({ write: () => {} });
    const done = pipeStream(new Readable({ read() {} }), client, { from, heartbeatMs: 5 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(client.writableLength).toBeLessThan(32);
    client.destroy();
    await done;
  });

  test('are one-shot timers, looked up at call time; none is left when the pipe ends', async () => {
    jest.useFakeTimers();
    try {
      const upstream = new Readable({ read() {} });
      const client = new PassThrough();
      const done = pipeStream(upstream, client, { from, heartbeatMs: 1000 });
      expect(jest.getTimerCount()).toBe(1);
      jest.runAllTimers(); // would never end if they recurred
      expect(String(client.read())).toMatch(/^:.*\n\n$/);
      upstream.push(WHOLE);
      upstream.push(null);
      client.resume();
      expect((await done).complete).toBe(true);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});
