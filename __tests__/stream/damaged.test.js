'use strict';
const { StreamAssembler } = require('sluice');
const streams = require('../streams');
const { CLIENT_FORMATS, optionsFor, plain } = require('../support/assemble');
const { damage } = require('../support/damage');
const { seeded } = require('../support/random');
const { byteByByte, randomMany } = require('../support/splits');

/** Pushes until the end or the first error: what was assembled, and the error's code. */
function outcome(pieces, options) {
  const assembler = new StreamAssembler(options);
  let code = null;
  try {
    for (const piece of pieces) assembler.push(piece);
    assembler.finish();
  } catch (error) {
    code = error.code ?? String(error);
  }
  return { code, message: JSON.stringify(plain(assembler.message())) };
}

const table = streams
  .filter(({ long }) => !long)
  .map((stream, position) => [stream.format, stream.name, stream.bytes, position]);

test.each(table)('a damaged stream comes to the same in every split: %s: %s', (format, name, bytes, position) => {
  const random = seeded(position + 1);
  for (let round = 0; round < 12; round += 1) {
    const damaged = damage(bytes, random);
    const to = [undefined, ...CLIENT_FORMATS][round % 6];
    const from = round % 4 === 3 ? { from: 'auto', framing: undefined } : {};
    const options = () => ({ ...optionsFor(format, { to }), ...from });
    const whole = outcome([damaged], options());
    expect([null, 'ERR_STREAM_FRAME']).toContain(whole.code);
    for (const pieces of [byteByByte(damaged), ...randomMany(damaged, 3, round)]) {
      const { code, message } = outcome(pieces, options());
      expect([damaged.toString('latin1'), to, code, message]).toEqual([
        damaged.toString('latin1'),
        to,
        whole.code,
        whole.message,
      ]);
    }
  }
});
