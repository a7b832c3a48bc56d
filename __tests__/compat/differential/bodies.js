'use strict';
// getRequestBody and handleStream.
const { PassThrough, Readable, Writable } = require('node:stream');
const { gzipSync } = require('node:zlib');
const { always, attempt, below, list, never, outcome, pick, range, turns, within } = require('./world');

/** Bytes cut at those places. */
function cut(bytes, places) {
  const at = [0, ...[...new Set(places)].filter((place) => place > 0 && place < bytes.length).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}
/** Whether a place is inside a character. */
const splits = (bytes, places) => places.some((place) => place > 0 && place < bytes.length && (bytes[place] & 0xc0) === 0x80);
const request = (chunks, headers = {}) => Object.assign(Readable.from(chunks, { objectMode: false, autoDestroy: false }), { headers });
/** What handlers look at. */
const told = (promise) => promise.then((value) => ({ value }), ({ message, status }) => ({ message, status }));

const TEXTS = ['{"a":[1,2,{"b":null}]}', '[true,"x"]', '', '{"a":', '{}x', '"text"', '-0.5e3'];
const bodies = [
  {
    plan: (random) => ({ text: pick(random, TEXTS), places: list(3, () => below(random, 20)), limit: pick(random, [undefined, 10, 1000]) }),
    shows: never,
    async run({ getRequestBody }, { text, places, limit }, world) {
      const req = request(cut(Buffer.from(text), places));
      req.destroy = () => {};
      return told(world.call(getRequestBody(req, limit)));
    },
  },
  {
    defect: 'A 413 that never arrives',
    plan: (random) => ({ size: range(random, 50, 150) }),
    shows: ({ size }) => size + 2 > 100,
    async run({ getRequestBody }, { size }, world) {
      const req = request([Buffer.from(JSON.stringify('x'.repeat(size)))]);
      let isDestroyed = false;
      req.destroy = () => (isDestroyed = true);
      const { status } = await told(world.call(getRequestBody(req, 100)));
      return [status, isDestroyed];
    },
  },
  {
    defect: 'Split characters',
    plan: (random) => ({ text: pick(random, ['grüße', '你好世界', 'plain text']), places: list(2, () => below(random, 12)) }),
    shows: ({ text, places }) => splits(Buffer.from(JSON.stringify(text)), places),
    async run({ getRequestBody }, { text, places }, world) {
      return told(world.call(getRequestBody(request(cut(Buffer.from(JSON.stringify(text)), places)))));
    },
  },
  {
    defect: 'Characters are counted, not bytes',
    plan: (random) => ({ text: pick(random, ['你'.repeat(20), 'x'.repeat(20), '你'.repeat(50)]), limit: 40 }),
    shows: ({ text, limit }) => text.length + 2 <= limit && Buffer.byteLength(text) + 2 > limit,
    async run({ getRequestBody }, { text, limit }, world) {
      const req = request([Buffer.from(JSON.stringify(text))]);
      req.destroy = () => {};
      return told(world.call(getRequestBody(req, limit)));
    },
  },
  {
    defect: 'A client that leaves keeps the promise pending',
    plan: (random) => ({ leaves: random() < 0.6 }),
    shows: ({ leaves }) => leaves,
    async run({ getRequestBody }, { leaves }, world) {
      const req = Object.assign(new PassThrough(), { headers: {} });
      const body = world.call(getRequestBody(req)).then(() => 'read', () => 'failed');
      req.write('{"a":');
      if (leaves) req.destroy();
      else req.end('1}');
      return within(100, body);
    },
  },
  {
    defect: 'A coded body was bad JSON',
    plan: (random) => ({ coded: random() < 0.6, n: below(random, 100) }),
    shows: ({ coded }) => coded,
    async run({ getRequestBody }, { coded, n }, world) {
      const text = JSON.stringify({ n });
      return told(world.call(getRequestBody(request([coded ? gzipSync(text) : Buffer.from(text)], coded ? { 'content-encoding': 'gzip' } : {}))));
    },
  },
];

const frame = (content) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] })}\n\n`;
const END = 'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
/** A stream to a client that reads at once: what it got, and the message. */
async function piped({ handleStream }, chunks, world, options) {
  const res = new PassThrough();
  const got = res.toArray();
  const message = await world.call(handleStream(Readable.from(chunks), res, { from: 'openai-chat', ...options }));
  return { got: Buffer.concat(await got).toString('latin1'), text: message.text };
}

const streams = [
  {
    plan: (random) => ({ words: list(range(random, 1, 6), () => pick(random, ['one ', 'two ', 'grüße '])) }),
    shows: never,
    async run(classes, { words }, world) {
      const events = [];
      const result = await piped(classes, [...words.map((word) => Buffer.from(frame(word))), Buffer.from(END)], world, { onChunk: (event) => events.push(event) });
      return [result, events.map((event) => event.choices[0].delta.content)];
    },
  },
  {
    defect: 'Split characters',
    plan: (random) => ({ place: range(random, 60, 110) }),
    shows: ({ place }) => splits(Buffer.from(frame('你好世界') + END), [place]),
    async run(classes, { place }, world) {
      return (await piped(classes, cut(Buffer.from(frame('你好世界') + END), [place]), world)).got;
    },
  },
  {
    defect: 'Split events',
    plan: (random) => ({ place: range(random, 0, 80), length: frame('words').length }),
    // the blank line may be cut, an event may not
    shows: ({ place, length }) => place > 0 && place < length - 2,
    async run(classes, { place }, world) {
      return (await piped(classes, cut(Buffer.from(frame('words') + END), [place]), world)).text;
    },
  },
  {
    defect: 'A client that reads slowly',
    plan: (random) => ({ count: range(random, 60, 100) }),
    shows: always,
    async run({ handleStream }, { count }, world) {
      let pulled = 0;
      async function* upstream() {
        for (; pulled < count; pulled += 1) yield Buffer.from(frame('x'.repeat(1000)));
        yield Buffer.from(END);
      }
      const waiting = [];
      const res = new Writable({ highWaterMark: 1000, write: (chunk, encoding, done) => waiting.push(done) });
      const streaming = world.call(handleStream(upstream(), res, { from: 'openai-chat' }));
      await turns(10);
      const ahead = pulled === count;
      while (!res.writableFinished) {
        waiting.shift()?.();
        await turns(1);
      }
      await streaming;
      return ahead;
    },
  },
  {
    defect: 'A client that leaves',
    plan: (random) => ({ leaves: random() < 0.7 }),
    shows: ({ leaves }) => leaves,
    async run({ handleStream }, { leaves }, world) {
      let pulled = 0;
      async function* upstream() {
        for (; pulled < 50; pulled += 1) {
          await turns(1);
          yield Buffer.from(frame('word'));
        }
        yield Buffer.from(END);
      }
      const res = new PassThrough();
      res.on('error', () => {});
      res.once('data', () => leaves && res.destroy());
      res.resume();
      await attempt(() => world.call(handleStream(upstream(), res, { from: 'openai-chat' })));
      return pulled;
    },
  },
  {
    defect: 'A provider that fails in the middle',
    plan: (random) => ({ fails: random() < 0.7 }),
    shows: ({ fails }) => fails,
    async run({ handleStream }, { fails }, world) {
      async function* upstream() {
        yield Buffer.from(frame('word'));
        if (fails) throw new Error('provider gone');
        yield Buffer.from(END);
      }
      const res = new PassThrough();
      const got = res.toArray();
      await outcome(world.call(handleStream(upstream(), res, { from: 'openai-chat' })));
      return Buffer.concat(await got).toString().includes('"error"');
    },
  },
];

const named = (name, scenarios) => scenarios.map((scenario) => ({ name, ...scenario }));
module.exports = [...named('getRequestBody', bodies), ...named('handleStream', streams)];
