'use strict';
const streams = require('../streams');
const { CLIENT_FORMATS, firstOther, fingerprint, optionsFor } = require('../support/assemble');
const { byteByByte, everyTwo, randomMany } = require('../support/splits');

const table = streams.map((stream) => [stream.format, stream.name, stream]);
/** The dialects that a stream of this format is converted to; Claude in AWS frames becomes Claude over SSE. */
const targets = (format) => CLIENT_FORMATS.filter((dialect) => dialect !== format);

describe('converting, every split', () => {
  test.each(table)('%s: %s', (format, name, { bytes, long }) => {
    targets(format).forEach((to, position) => {
      const options = () => optionsFor(format, { to });
      const whole = fingerprint([bytes], options());
      const thorough = !long && position === bytes.length % 4;
      expect([to, firstOther(thorough ? everyTwo(bytes) : [], options, whole)]).toEqual([to, null]);
      expect([to, firstOther(long ? [] : [byteByByte(bytes)], options, whole)]).toEqual([to, null]);
      expect([to, firstOther(randomMany(bytes, 10, 13), options, whole)]).toEqual([to, null]);
    });
  });

  test.each(table)('the format found out: %s: %s', (format, name, { bytes }) => {
    for (const to of targets(format)) {
      const told = fingerprint([bytes], optionsFor(format, { to }));
      const auto = () => ({ ...optionsFor(format, { to }), from: 'auto', framing: undefined });
      expect([to, firstOther([[bytes], ...randomMany(bytes, 3, 17)], auto, told)]).toEqual([to, null]);
    }
  });
});
