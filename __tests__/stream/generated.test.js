'use strict';
const { CLIENT_FORMATS, assemble, firstOther, fingerprint, optionsFor } = require('../support/assemble');
const { canonical, essence, outline } = require('../support/compare');
const { sides } = require('../support/expect-same');
const { seeded } = require('../support/random');
const { readStream } = require('../support/reader');
const { randomMessage } = require('../support/random-message');
const { SPEAKERS } = require('../support/speak');
const { randomMany } = require('../support/splits');
const { flaws } = require('../support/wellformed');

const ROUNDS = 60;
const BESIDE = ['claude', 'claude-aws', 'bedrock-converse'];
const joined = (parts, kind) =>
  parts
    .filter((part) => part.kind === kind)
    .map(({ said }) => said)
    .join('');

describe.each(Object.keys(SPEAKERS))('messages made up, as %s', (format) => {
  const spoken = Array.from({ length: ROUNDS }, (_, seed) => {
    const random = seeded(seed * 7 + 1);
    const message = randomMessage(random);
    if (format === 'kiro') {
      // what it has no words for
      message.parts = message.parts.filter(({ kind }) => kind !== 'reasoning');
      message.finish = message.parts.some(({ kind }) => kind === 'call') ? 'tool_calls' : 'stop';
    }
    return { seed, message, bytes: SPEAKERS[format](message, random) };
  });

  test('say what they were made of, in every split', () => {
    for (const { seed, message, bytes } of spoken) {
      const { assembler } = assemble([bytes], optionsFor(format));
      const heard = assembler.message();
      expect({ seed, text: heard.text, reasoning: heard.reasoning, complete: heard.complete }).toEqual({
        seed,
        text: joined(message.parts, 'text'),
        reasoning: joined(message.parts, 'reasoning'),
        complete: true,
      });
      expect(heard.toolCalls.map(({ name, arguments: args }) => [name, canonical(args)])).toEqual(
        message.parts.filter(({ kind }) => kind === 'call').map(({ name, args }) => [name, args]),
      );
      expect(outline(heard.parts).map(([kind]) => kind)).toEqual(
        message.parts
          .map(({ kind }) => (kind === 'call' ? 'tool_call' : kind))
          .filter((kind, at, all) => kind === 'tool_call' || kind !== all[at - 1]),
      );
      if (format !== 'ollama' || message.finish !== 'content_filter') {
        expect([seed, heard.finishReason]).toEqual([seed, message.finish]);
      }
      if (format !== 'kiro') {
        // what came from a cache stands beside the input of some
        const beside = BESIDE.includes(format) ? message.cached : 0;
        expect(heard.usage).toMatchObject({ inputTokens: message.input + beside, outputTokens: message.output });
      }
      expect(essence(heard)).toEqual(essence(readStream(bytes, format)));

      const whole = fingerprint([bytes], optionsFor(format));
      expect(firstOther(randomMany(bytes, 4, seed), () => optionsFor(format), whole)).toBeNull();
      expect(fingerprint([bytes], { ...optionsFor(format), from: 'auto', framing: undefined })).toBe(whole);
    }
  });

  test.each(CLIENT_FORMATS.filter((to) => to !== format))('in %s', (to) => {
    for (const { seed, bytes } of spoken) {
      const { bytes: out } = assemble([bytes], optionsFor(format, { to }));
      const [wanted, actual] = sides(readStream(bytes, format), readStream(out, to), to, { usage: format !== 'kiro' });
      expect({ seed, ...actual }).toEqual({ seed, ...wanted });
      expect([seed, flaws(out, to, true)]).toEqual([seed, []]);
      const whole = fingerprint([bytes], optionsFor(format, { to }));
      expect(firstOther(randomMany(bytes, 2, seed), () => optionsFor(format, { to }), whole)).toBeNull();
    }
  });
});
