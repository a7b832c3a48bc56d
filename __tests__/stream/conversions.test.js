'use strict';
const streams = require('../streams');
const { CLIENT_FORMATS, assemble, fingerprint, optionsFor } = require('../support/assemble');
const { sameIds } = require('../support/compare');
const { sides } = require('../support/expect-same');
const { readStream } = require('../support/reader');
const { randomMany } = require('../support/splits');
const { flaws } = require('../support/wellformed');

/** Dialects that carry ids of calls and of messages. */
const HAVE_IDS = ['openai-chat', 'openai-responses', 'claude', 'gemini'];
const table = streams.flatMap((stream) =>
  CLIENT_FORMATS.filter((to) => to !== stream.format).map((to) => [stream.format, to, stream.name, stream]),
);

function expectSame(said, heard, to, options) {
  const [wanted, actual] = sides(said, heard, to, options);
  expect(actual).toEqual(wanted);
}

describe('each format in each dialect', () => {
  test.each(table)('%s to %s: %s', (format, to, name, { bytes, expected }) => {
    const options = () => optionsFor(format, { to });
    const { bytes: out, assembler } = assemble([bytes], options());
    const said = readStream(bytes, format);
    const heard = readStream(out, to);
    expect(flaws(out, to, said.complete)).toEqual([]);
    expectSame({ ...said, rawFinishReason: null }, heard, to, { usage: format !== 'kiro' && said.complete });
    expect(assembler.complete).toBe(expected.complete);

    if (HAVE_IDS.includes(to)) {
      const ids = sameIds(heard.toolCalls, said.toolCalls);
      expect(ids).toEqual({ given: ids.wanted, wanted: ids.wanted, distinct: true });
      expect(heard.toolCalls.map(({ id }) => id)).toEqual(assembler.message().toolCalls.map(({ id }) => id));
      if (said.id && heard.id) expect(heard.id).toBe(said.id);
    }
    if (said.model && heard.model) expect(heard.model).toBe(said.model);
  });
});

describe('there and back', () => {
  const own = table.filter(
    ([format, to, , { expected }]) => CLIENT_FORMATS.includes(format) && to !== format && expected.complete,
  );
  test.each(own)('%s to %s and back: %s', (format, to, name, { bytes }) => {
    const { bytes: there } = assemble([bytes], optionsFor(format, { to }));
    const { bytes: back } = assemble([there], optionsFor(to, { to: format }));
    expect(flaws(back, format, true)).toEqual([]);
    expectSame(readStream(there, to), readStream(back, format), format);
    for (const pieces of randomMany(there, 3, 23)) {
      expect(fingerprint(pieces, optionsFor(to, { to: format }))).toBe(
        fingerprint([there], optionsFor(to, { to: format })),
      );
    }
  });
});

describe('what a conversion is told', () => {
  test.each(CLIENT_FORMATS)('id and model of the caller, in %s', (to) => {
    const format = to === 'openai-chat' ? 'claude' : 'openai-chat';
    const { bytes } = streams.find((stream) => stream.format === format);
    const { bytes: out } = assemble([bytes], optionsFor(format, { to, model: 'my "model"', id: 'my-id' }));
    const heard = readStream(out, to);
    expect(heard.model).toBe('my "model"');
    if (to !== 'ollama') expect(heard.id).toBe('my-id');
    expect(flaws(out, to, true)).toEqual([]);
  });

  test.each(CLIENT_FORMATS.filter((to) => HAVE_IDS.includes(to)))(
    'an id is drawn where the provider gives none, in %s',
    (to) => {
      const { bytes } = streams.find(({ format }) => format === 'ollama');
      const { bytes: out } = assemble([bytes], optionsFor('ollama', { to }));
      expect(readStream(out, to).id).toBe('message_1');
    },
  );
});
