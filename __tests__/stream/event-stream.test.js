'use strict';
const { EventStreamDecoder } = require('sluice');

const decode = (parts, options) => {
  const decoder = new EventStreamDecoder(options);
  return [...parts.flatMap((part) => decoder.push(part)), ...decoder.finish()];
};
const event = (data, more = {}) => ({ event: 'message', data, id: '', ...more });

/** The events come out whole, at every split in two, and byte by byte. */
function atEverySplit(input, expected, options) {
  const bytes = Buffer.from(input);
  expect(decode([bytes], options)).toEqual(expected);
  for (let at = 0; at <= bytes.length; at++) {
    expect(decode([bytes.subarray(0, at), bytes.subarray(at)], options)).toEqual(expected);
  }
  expect(decode([...bytes].map((byte) => Uint8Array.of(byte)), options)).toEqual(expected);
}

describe('server-sent events, as the HTML standard has them', () => {
  const cases = [
    ['the three line ends', 'data: a\n\ndata: b\r\rdata: c\r\n\r\n', [event('a'), event('b'), event('c')]],
    ['one space behind the colon is dropped', 'data:  a\n\ndata:b\n\n', [event(' a'), event('b')]],
    ['data lines are joined', 'data: YHOO\ndata: +2\ndata: 10\n\n', [event('YHOO\n+2\n10')]],
    ['comments are ignored', ': x\n\ndata: a\n:y\ndata: b\n\n', [event('a\nb')]],
    ['data without a value', 'data\n\ndata\ndata\n\ndata:', [event(''), event('\n')]],
    ['events without data are not dispatched', 'event: a\n\nid: 3\n\ndata: b\n\n', [event('b', { id: '3' })]],
    ['the event field names one event', 'event: add\ndata: 1\n\ndata: 2\n\nevent:\ndata: 3\n\n',
      [event('1', { event: 'add' }), event('2'), event('3')]],
    ['the last id stays', 'id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n', [event('a', { id: '1' }), event('b', { id: '1' }), event('c')]],
    ['an id with NUL is ignored', 'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n', [event('a', { id: '1' }), event('b', { id: '1' })]],
    ['retry takes digits only', 'retry: 10\ndata: a\n\nretry: 1x\ndata: b\n\nretry: -1\ndata: c\n\n',
      [event('a', { retry: 10 }), event('b'), event('c')]],
    ['unknown fields are ignored', 'foo: 1\ndatum: 2\n data: 3\nData: 4\ndata: 5\n\n', [event('5')]],
    ['a byte order mark', '\ufeffdata: a\n\n\ufeffdata: b\n\n', [event('a')]],
    ['characters of several bytes', 'event: ä\ndata: grüße 🎈 "\\\u0001\n\n', [event('grüße 🎈 "\\\u0001', { event: 'ä' })]],
    ['an unfinished event is dropped', 'data: a\n\ndata: {"b":1}\n', [event('a')]],
    ['nothing', '', []],
  ];
  test.each(cases)('%s', (_, input, expected) => atEverySplit(input, expected));

  test('bytes that are not UTF-8 are replaced, as TextDecoder does', () => {
    const data = [0x61, 0xff, 0xf0, 0x9f, 0x8e, 0x62, 0xe2, 0x82];
    atEverySplit([...Buffer.from('data: '), ...data, 0x0a, 0x0a], [event(new TextDecoder().decode(Uint8Array.from(data)))]);
  });

  test('lines that are JSON each stay one event: that is for StreamAssembler', () => {
    atEverySplit('data: {}\ndata: {}\n\n', [event('{}\n{}')]);
  });

  test('any typed view is bytes', () => {
    const bytes = Buffer.from('data: abcd\n\n');
    const copy = Uint8Array.from(bytes).buffer;
    const decoder = new EventStreamDecoder();
    expect(decoder.push(new DataView(copy))).toEqual([event('abcd')]);
    expect(decoder.push(new Uint16Array(copy))).toEqual([event('abcd')]);
    expect(() => decoder.push('data: x\n\n')).toThrow(TypeError);
    expect(decoder.push(bytes)).toEqual([event('abcd')]);
  });
});

describe('other framings', () => {
  test('NDJSON: a line is an event', () => {
    atEverySplit('{"a":1}\r\n\n data: {"b":"ü"} \n[DONE]\n{"c":2}',
      [event('{"a":1}'), event('{"b":"ü"}'), event('[DONE]'), event('{"c":2}')], { framing: 'ndjson' });
  });

  test('AWS event stream: the event is the frame’s :event-type', () => {
    const frames = [
      frame({ ':message-type': 'event', ':event-type': 'chunk' }, '{"a":"ü"}'),
      frame({}, ''),
      frame({ ':message-type': 'exception', ':exception-type': 'throttlingException' }, '{"message":"slow"}'),
      frame({ ':message-type': 'error', ':error-code': 'InternalError', ':error-message': 'oh "no"' }, ''),
    ];
    atEverySplit(Buffer.concat(frames), [
      event('{"a":"ü"}', { event: 'chunk' }),
      event(''),
      event('{"message":"slow"}', { exception: 'throttlingException' }),
      event('{"message":"oh \\"no\\""}', { exception: 'InternalError' }),
    ], { framing: 'aws-eventstream' });
  });

  test('a damaged AWS frame is ERR_STREAM_FRAME with its offset and what came before it', () => {
    const good = frame({ ':event-type': 'chunk' }, '{}');
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at] ^= 1;
      const error = thrown(() => new EventStreamDecoder({ framing: 'aws-eventstream' }).push(Buffer.concat([good, bad])));
      expect(error).toMatchObject({ code: 'ERR_STREAM_FRAME', offset: good.length, events: [event('{}', { event: 'chunk' })] });
    }
  });
});

describe('limits', () => {
  test('an event over maxEventBytes is ERR_STREAM_FRAME, and stays so', () => {
    const decoder = new EventStreamDecoder({ maxEventBytes: 16 });
    expect(decoder.push(Buffer.from('data: 1234567890\n\n'))).toEqual([event('1234567890')]);
    decoder.push(Buffer.from('data: 1234567'));
    const error = thrown(() => decoder.push(Buffer.from('8901')));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'ERR_STREAM_FRAME', offset: 18 });
    expect(thrown(() => decoder.push(Buffer.from('\n\n')))).toMatchObject({ code: 'ERR_STREAM_FRAME', offset: 18 });
    expect(thrown(() => decoder.finish())).toMatchObject({ code: 'ERR_STREAM_FRAME', offset: 18 });
  });

  test('options are checked', () => {
    for (const options of [{ maxEventBytes: 0 }, { maxEventBytes: 1.5 }, { maxEventBytes: NaN }, { maxEventBytes: 2 ** 60 },
      { framing: 'xml' }, { maxBytes: 1 }, 7]) {
      expect(thrown(() => new EventStreamDecoder(options))).toMatchObject({ code: 'ERR_INVALID_OPTION' });
    }
  });
});

function thrown(run) {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** A frame as Amazon's documentation describes it, written without the addon. */
function frame(headers, payload) {
  const block = Buffer.concat(Object.entries(headers).map(([name, value]) => {
    const head = Buffer.from([name.length, ...Buffer.from(name), 7, 0, 0]);
    head.writeUInt16BE(Buffer.byteLength(value), head.length - 2);
    return Buffer.concat([head, Buffer.from(value)]);
  }));
  const prelude = Buffer.alloc(8);
  prelude.writeUInt32BE(16 + block.length + Buffer.byteLength(payload), 0);
  prelude.writeUInt32BE(block.length, 4);
  const checked = Buffer.concat([prelude, crc32(prelude), block, Buffer.from(payload)]);
  return Buffer.concat([checked, crc32(checked)]);
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const out = Buffer.alloc(4);
  out.writeUInt32BE(~crc >>> 0);
  return out;
}
