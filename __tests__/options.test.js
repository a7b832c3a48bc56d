'use strict';
// The options of every class and function: what is unknown, out of range or of the wrong type is ERR_INVALID_OPTION
// that names the option, its range and the value, thrown by what is synchronous and rejected by what returns a promise.
const { EventEmitter } = require('node:events');
const { PassThrough, Readable } = require('node:stream');
const sluice = require('sluice');

// values that each kind of option refuses, and the class of the error
const whole = [[-1, RangeError], [1.5, RangeError], [NaN, RangeError], [Infinity, RangeError], [2 ** 60, RangeError], ['10', TypeError], [null, TypeError], [true, TypeError], [{}, TypeError], [10n, TypeError]];
const positive = [[0, RangeError], ...whole];
const boolean = [[0, TypeError], ['yes', TypeError], [null, TypeError], [{}, TypeError]];
const string = [[5, TypeError], [null, TypeError], [{}, TypeError], [['a'], TypeError]];
const callback = [['x', TypeError], [5, TypeError], [null, TypeError], [{}, TypeError]];
const literal = [['nobody', RangeError], ['', RangeError], [5, TypeError], [{}, TypeError]];
const signal = [[5, TypeError], [{}, TypeError], ['now', TypeError], [{ aborted: false }, TypeError]];
const record = [[5, TypeError], ['x', TypeError]];

const assembler = {
  from: literal, to: literal, framing: literal, model: string, id: string, newId: callback, now: callback,
  maxEventBytes: positive, maxTextBytes: positive, reuse: boolean, events: literal,
};
const body = { maxBytes: positive, maxEncodedBytes: positive, inflate: boolean, timeoutMs: positive, idleTimeoutMs: positive, signal };
const limits = { maxDepth: [...positive, [10_001, RangeError]], proto: literal, duplicateKeys: literal, utf8: literal };
const json = { ...body, ...limits };
const convert = { to: literal, model: string, id: string, newId: callback, now: callback };
const pipe = {
  ...assembler, signal, heartbeatMs: whole, onEvent: callback, onError: callback, drainForUsage: boolean, end: boolean, headers: record,
};

const source = () => Object.assign(Readable.from([Buffer.from('{}')]), { headers: {} });
const message = () => new sluice.StreamAssembler({ from: 'claude' }).message();
const answer = () => Buffer.from('{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}');
const request = () => Buffer.from('{"model":"m","messages":[]}');
const response = () => Object.assign(new PassThrough(), { setHeader() {}, writeHead() {}, headersSent: false });

const synchronous = {
  StreamAssembler: { use: (options) => new sluice.StreamAssembler(options), options: assembler },
  EventStreamDecoder: { use: (options) => new sluice.EventStreamDecoder(options), options: { maxEventBytes: positive, framing: literal } },
  streamTransform: { use: (options) => sluice.streamTransform(options), options: assembler },
  streamTransformWeb: { use: (options) => sluice.streamTransformWeb(options), options: assembler },
  convertRequest: { use: (options) => sluice.convertRequest(request(), options), options: { ...convert, from: literal, lossy: boolean }, needs: { from: 'openai-chat', to: 'claude' } },
  convertResponse: { use: (options) => sluice.convertResponse(answer(), options), options: { ...convert, from: literal }, needs: { from: 'openai-chat', to: 'claude' } },
  parseResponse: { use: (options) => sluice.parseResponse(answer(), options), options: { from: literal }, needs: { from: 'openai-chat' } },
  renderMessage: { use: (options) => sluice.renderMessage(message(), options), options: { ...convert, stream: boolean }, needs: { to: 'claude', stream: false } },
};
const asynchronous = {
  readBody: { use: (options) => sluice.readBody(source(), options), options: body },
  readText: { use: (options) => sluice.readText(source(), options), options: body },
  readJson: { use: (options) => sluice.readJson(source(), options), options: json },
  readDocument: { use: (options) => sluice.readDocument(source(), options), options: json },
  'JsonDocument.parse': { use: (options) => sluice.JsonDocument.parse('{}', options), options: json },
  pipeStream: { use: (options) => sluice.pipeStream(Readable.from([]), new PassThrough().resume(), options), options: pipe },
  respondWithError: {
    use: (options) => sluice.respondWithError(Object.assign(new EventEmitter(), { headers: {} }), response(), new Error('x'), options),
    options: { body: [[5, TypeError], [{}, TypeError]], headers: record },
  },
};

const shown = (value) => {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value !== null && typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
};
async function failure(subject, options) {
  let promise;
  try {
    promise = subject.use(options);
  } catch (error) {
    return { error, how: 'thrown' };
  }
  const error = await Promise.resolve(promise).then(() => undefined, (reason) => reason);
  return { error, how: error && 'rejected' };
}

const subjects = [
  ...Object.entries(synchronous).map(([name, subject]) => [name, { ...subject, how: 'thrown' }]),
  ...Object.entries(asynchronous).map(([name, subject]) => [name, { ...subject, how: 'rejected' }]),
];

describe.each(subjects)('%s', (_, subject) => {
  const { options, needs, how } = subject;

  test.each(Object.entries(options))('%s', async (option, refused) => {
    for (const [value, Class] of refused) {
      const ended = await failure(subject, { ...needs, [option]: value });
      const what = `${option}: ${shown(value)}`;
      expect({ what, code: ended.error?.code, how: ended.how }).toEqual({ what, code: 'ERR_INVALID_OPTION', how });
      expect(ended.error).toBeInstanceOf(Class);
      expect(ended.error.message).toMatch(new RegExp(`^${option} must be .{4,}; got `));
      expect(ended.error.message.endsWith(`; got ${shown(value)}`)).toBe(true);
      expect(ended.error).toMatchObject({ option, range: expect.any(String), value: shown(value) });
    }
  });

  test('an unknown option is refused by name, with the names there are', async () => {
    const { error, how: ended } = await failure(subject, { ...needs, nothing: undefined });
    expect({ code: error?.code, how: ended, option: error?.option }).toEqual({ code: 'ERR_INVALID_OPTION', how, option: 'nothing' });
    expect(error).toBeInstanceOf(TypeError);
    // every option that there is has its cases above
    expect(error.known.split(', ').sort()).toEqual(Object.keys(options).sort());
  });

  test('options that are no object are refused', async () => {
    for (const value of [null, 5, 'fast', true]) {
      const { error, how: ended } = await failure(subject, value);
      expect({ value, code: error?.code, how: ended }).toEqual({ value, code: 'ERR_INVALID_OPTION', how });
    }
  });

  test('undefined stands for the default', async () => {
    const all = Object.fromEntries(Object.keys(options).map((option) => [option, undefined]));
    expect((await failure(subject, { ...all, ...needs })).error).toBeUndefined();
  });
});
