'use strict';
const streams = require('../streams');
const { outline } = require('../support/compare');
const { readStream } = require('../support/reader');
const { crc32, encodeFrame, decodeFrames } = require('../support/aws');

describe('the independent reader', () => {
  test.each(streams.map((stream) => [stream.format, stream.name, stream]))(
    '%s: %s',
    (format, name, { bytes, expected }) => {
      const message = readStream(bytes, format);
      const { parts, choices, error, signature, ...fields } = expected;
      for (const [field, value] of Object.entries(fields).filter(([, wanted]) => wanted !== undefined)) {
        expect([field, message[field]]).toEqual([field, value]);
      }
      expect(message.error?.message ?? null).toBe(error);
      if (parts) expect(outline(message.parts)).toEqual(parts);
      if (choices) expect(message.choices).toEqual(choices.map((choice) => expect.objectContaining(choice)));
      if (signature) expect(message.parts.find(({ type }) => type === 'reasoning').signature).toBe(signature);
    },
  );

  test('the names of the streams tell them apart', () => {
    const names = streams.map(({ format, name }) => `${format}: ${name}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the AWS frames of the tests', () => {
  test('the CRC is the common one', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  });

  test('a damaged frame is noticed, a cut one is left over', () => {
    const frame = encodeFrame({ ':event-type': 'x' }, 'payload');
    expect(decodeFrames(frame)).toEqual({
      frames: [{ headers: { ':event-type': 'x' }, payload: Buffer.from('payload') }],
      rest: 0,
    });
    expect(decodeFrames(frame.subarray(0, -1))).toEqual({ frames: [], rest: frame.length - 1 });
    for (let at = 0; at < frame.length; at += 1) {
      const damaged = Buffer.from(frame);
      damaged[at] ^= 1;
      expect(() => decodeFrames(damaged)).toThrow('CRC');
    }
  });
});
