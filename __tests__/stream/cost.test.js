'use strict';
const v8 = require('node:v8');
const vm = require('node:vm');
const { StreamAssembler } = require('sluice');
const { ofSize } = require('../support/splits');

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
const turn = () => new Promise((resolve) => setImmediate(resolve));

const MEGABYTE = 1 << 20;
const chunk = (content) =>
  `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta: { content } }] })}\n\n`;

/** The least of three runs, in ms of the processor: what else it does meanwhile does not count. */
function shortest(run) {
  const times = [0, 1, 2].map(() => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}
function push(pieces, options) {
  const assembler = new StreamAssembler({ from: 'openai-chat', reuse: true, ...options });
  for (const piece of pieces) assembler.push(piece);
  assembler.finish();
  return assembler;
}

describe('cost', () => {
  test.each([
    ['passing through', undefined],
    ['converting', 'claude'],
  ])(
    'a line of 8 MiB in reads of 1 KiB, %s',
    (name, to) => {
      const line = Buffer.from(chunk('x'.repeat(8 * MEGABYTE)));
      const reads = ofSize(line, 1024);
      expect(push(reads, { to }).text()).toHaveLength(8 * MEGABYTE);
      const whole = shortest(() => push([line], { to }));
      const many = shortest(() => push(reads, { to }));
      // 8,000 calls cost something of their own; quadratic work would be thousands of times the whole
      expect(many).toBeLessThan(10 * whole + 40);
    },
    60_000,
  );

  test('twice the events, twice the time', () => {
    const events = (count) => ofSize(Buffer.from(chunk('some words of text ').repeat(count)), 1024);
    const [few, many] = [events(5_000), events(40_000)];
    push(few, {});
    const ratio = shortest(() => push(many, { to: 'claude' })) / shortest(() => push(few, { to: 'claude' }));
    expect(ratio).toBeLessThan(8 * 5);
  });

  test('twice the pieces of one tool call, twice the time', () => {
    const fragments = (count) => {
      const event = (call) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [call] } }] })}\n\n`;
      const pieces = Array.from({ length: count }, () => event({ index: 0, function: { arguments: '0123456789' } }));
      return ofSize(
        Buffer.from(event({ index: 0, id: 'a', function: { name: 'f', arguments: '' } }) + pieces.join('')),
        1024,
      );
    };
    const [few, many] = [fragments(2_000), fragments(16_000)];
    expect(push(many, { to: 'gemini' }).message().toolCalls[0].arguments).toHaveLength(160_000);
    const ratio = shortest(() => push(many, { to: 'gemini' })) / shortest(() => push(few, { to: 'gemini' }));
    expect(ratio).toBeLessThan(8 * 5);
  });
});

describe('memory', () => {
  async function resident() {
    for (let round = 0; round < 3; round += 1) {
      collect();
      await turn();
    }
    return process.memoryUsage().rss;
  }

  test('10,000 streams, finished or abandoned, leave nothing', async () => {
    const bytes = Buffer.from(chunk('x'.repeat(20_000)) + chunk('y'));
    async function round(count) {
      for (let at = 0; at < count; at += 1) {
        const assembler = new StreamAssembler({
          from: 'openai-chat',
          to: at % 2 ? 'claude' : undefined,
          events: at % 3 ? undefined : 'both',
        });
        assembler.push(bytes);
        // a third ends well, a third is cut inside an event, a third is left alone
        if (at % 3 === 0) assembler.finish();
        else if (at % 3 === 1) assembler.push(bytes.subarray(0, 15_000));
        if (at % 200 === 0) {
          collect();
          await turn();
        }
      }
    }
    await round(1_000);
    const before = await resident();
    await round(10_000);
    const after = await resident();
    // each held 20 KB at least: 200 MB if they stayed
    expect(after - before).toBeLessThan(40 * MEGABYTE);
  });
});
