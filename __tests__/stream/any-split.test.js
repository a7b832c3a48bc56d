'use strict';
const { StreamAssembler } = require('sluice');
const streams = require('../streams');
const { assemble, firstOther, fingerprint, optionsFor } = require('../support/assemble');
const { essence, outline, sameIds } = require('../support/compare');
const { decodeEventStream } = require('../support/framing');
const { readStream } = require('../support/reader');
const { byteByByte, everyTwo, ofSize, randomMany } = require('../support/splits');

const table = streams.map((stream) => [stream.format, stream.name, stream]);
const framingOf = (format) => (format === 'ollama' ? 'ndjson' : /aws|bedrock|kiro/.test(format) ? 'aws' : 'sse');
const loose = (format) => ['gemini', 'ollama'].includes(format);

describe('what the whole stream says', () => {
  test.each(table)('%s: %s', (format, name, { bytes, expected }) => {
    const { assembler, bytes: out } = assemble([bytes], optionsFor(format));
    const message = assembler.message();
    const read = readStream(bytes, format);
    // a last event without its blank line gets one, so that strict clients take it; nothing else is added
    expect(out.subarray(0, bytes.length).equals(bytes)).toBe(true);
    expect(out.toString('latin1', bytes.length)).toMatch(/^[\r\n]{0,3}$/);
    if (framingOf(format) === 'sse' && expected.complete) {
      expect(decodeEventStream(out).tail.data).toEqual([]);
    }

    const exact = !loose(format);
    const wanted = essence(read, { exact });
    const actual = essence(message, { exact });
    if (format === 'kiro') {
      // it tells a share of its window, no tokens; a cut frame leaves open how it would have ended
      wanted.usage = actual.usage;
      if (expected.finishReason === undefined) {
        [wanted.finishReason, wanted.choices] = [actual.finishReason, actual.choices];
      }
    }
    expect(actual).toEqual(wanted);
    const ids = sameIds(message.toolCalls, expected.toolCalls);
    expect(ids).toEqual({ given: ids.wanted, wanted: ids.wanted, distinct: true });

    for (const field of [
      'text',
      'reasoning',
      'refusal',
      'finishReason',
      'rawFinishReason',
      'usage',
      'complete',
      'id',
      'model',
    ]) {
      if (expected[field] !== undefined) expect([field, message[field]]).toEqual([field, expected[field]]);
    }
    if (expected.parts) expect(outline(message.parts)).toEqual(expected.parts);
    if (expected.signature) {
      expect(message.parts.find(({ type }) => type === 'reasoning').signature).toBe(expected.signature);
    }
    if (expected.choices) {
      expect(message.choices).toEqual(expected.choices.map((choice) => expect.objectContaining(choice)));
    }
    if (expected.error === null) {
      expect(message.error).toBeNull();
    } else {
      expect(message.error).toMatchObject({ code: 'ERR_STREAM_UPSTREAM' });
      expect(message.error.message).toContain(expected.error);
    }
  });
});

describe('passing through, every split', () => {
  test.each(table)('%s: %s', (format, name, { bytes, long }) => {
    const options = () => optionsFor(format);
    const whole = fingerprint([bytes], options());
    if (!long) {
      expect(firstOther(everyTwo(bytes), options, whole)).toBeNull();
      expect(firstOther([byteByByte(bytes)], options, whole)).toBeNull();
    }
    expect(firstOther(randomMany(bytes, 20, 7), options, whole)).toBeNull();
  });

  test.each(table)(
    'each piece leaves at once, also while the format is not known: %s: %s',
    (format, name, { bytes, long }) => {
      const told = optionsFor(format);
      const wanted = essence(assemble([bytes], optionsFor(format)).assembler.message());
      for (const { from, framing } of [told, { from: 'auto' }]) {
        for (const pieces of [...randomMany(bytes, 4, 11), long ? ofSize(bytes, 999) : byteByByte(bytes)]) {
          const assembler = new StreamAssembler({ ...optionsFor(format), from, framing });
          const left = pieces.filter((piece) => !piece.equals(assembler.push(piece)));
          expect(left.map(String)).toEqual([]);
          expect(Buffer.from(assembler.finish()).toString()).toMatch(/^[\r\n]{0,3}$/);
          expect([from, essence(assembler.message())]).toEqual([from, wanted]);
        }
      }
    },
  );
});
