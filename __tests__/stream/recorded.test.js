'use strict';
const { readFileSync } = require('node:fs');
const { CLIENT_FORMATS, assemble, fingerprint, optionsFor } = require('../support/assemble');
const { essence, sameIds } = require('../support/compare');
const { readStream } = require('../support/reader');
const { sayable } = require('../support/sayable');
const { everyTwo, randomMany } = require('../support/splits');
const { recordedStreams } = require('../shared');

const recorded = recordedStreams();
const table = recorded.map((stream) => [`${stream.format}/${stream.name}`, stream.format, readFileSync(stream.file)]);
/** Small enough for each of their two-part splits: one of each format at least. */
const sample = table.filter(([, , bytes]) => bytes.length < 6300);

if (recorded.length === 0) {
  test('no recorded streams are here, and none were promised', () => {
    expect(process.env.SLUICE_SHARED).toBeUndefined();
  });
} else {
  console.log(`recorded streams: ${recorded.length} files, ${sample.length} of them at every two-part split`);

  describe('passing through', () => {
    test.each(table)('%s', (name, format, bytes) => {
      const { bytes: out, assembler } = assemble([bytes], optionsFor(format));
      const message = assembler.message();
      const read = readStream(bytes, format);
      expect(out.equals(bytes)).toBe(true);
      expect(essence(message)).toEqual(essence(read));
      const ids = sameIds(message.toolCalls, read.toolCalls);
      expect(ids).toEqual({ given: ids.wanted, wanted: ids.wanted, distinct: true });

      const whole = fingerprint([bytes], optionsFor(format));
      for (const pieces of randomMany(bytes, 4, 31)) {
        expect(fingerprint(pieces, optionsFor(format)) === whole).toBe(true);
      }
      const auto = fingerprint([bytes], { ...optionsFor(format), from: 'auto' });
      expect(auto === whole).toBe(true);
    });

    test('at every two-part split of a sample', () => {
      expect(new Set(sample.map(([, format]) => format)).size).toBe(new Set(table.map(([, format]) => format)).size);
      for (const [name, format, bytes] of sample) {
        const whole = fingerprint([bytes], optionsFor(format));
        for (const pieces of everyTwo(bytes)) {
          if (fingerprint(pieces, optionsFor(format)) !== whole) throw new Error(`${name} cut at ${pieces[0].length}`);
        }
      }
    });
  });

  describe('converting', () => {
    const pairs = table.flatMap(([name, format, bytes]) =>
      CLIENT_FORMATS.filter((to) => to !== format).map((to) => [name, to, format, bytes]),
    );
    test.each(pairs)('%s to %s', (name, to, format, bytes) => {
      const { bytes: out } = assemble([bytes], optionsFor(format, { to }));
      const [said, heard] = [readStream(bytes, format), readStream(out, to)].map((message) => sayable(message, to));
      for (const field of ['text', 'refusal', 'reasoning', 'order', 'toolCalls', 'finishReason', 'complete']) {
        expect([field, heard[field]]).toEqual([field, said[field]]);
      }
      if (said.complete) expect(heard.usage).toEqual(said.usage);
      const whole = fingerprint([bytes], optionsFor(format, { to }));
      for (const pieces of randomMany(bytes, 2, 37)) {
        expect(fingerprint(pieces, optionsFor(format, { to })) === whole).toBe(true);
      }
    });

    test('a sample at every two-part split, in turn to each dialect', () => {
      sample.forEach(([name, format, bytes], position) => {
        const to = CLIENT_FORMATS.filter((dialect) => dialect !== format)[position % 4];
        const whole = fingerprint([bytes], optionsFor(format, { to }));
        for (const pieces of everyTwo(bytes)) {
          if (fingerprint(pieces, optionsFor(format, { to })) !== whole)
            throw new Error(`${name} to ${to} cut at ${pieces[0].length}`);
        }
      });
    });
  });
}
