'use strict';
// Many streams at once: none wrong, none mixed up, memory flat.
const fs = require('node:fs');
const { eventsOf, send, startGateway, startProvider, stopAll, upstreamFormats, dialects } = require('./support');

afterAll(stopAll);
const names = Object.keys(dialects);

/** All strings that a stream's events say as text, joined. */
function textOf(dialect, text) {
  return eventsOf(text)
    .map((event) => {
      switch (dialect) {
        case 'openai-chat':
          return event.choices[0]?.delta.content ?? '';
        case 'openai-responses':
          return event.type === 'response.output_text.delta' ? event.delta : '';
        case 'claude':
          return event.delta?.text ?? '';
        default:
          return event.candidates?.[0].content?.parts?.map((part) => part.text ?? '').join('') ?? '';
      }
    })
    .join('');
}
const residentBytes = (pid) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

test.each(upstreamFormats)('100 streams at once from %s', async (format) => {
  const provider = await startProvider();
  const gateway = await startGateway({ UPSTREAM_URL: provider.url, UPSTREAM_FORMAT: format });
  const results = await Promise.all(
    Array.from({ length: 100 }, async (_, at) => {
      const prompt = `Say 60 words about stream ${at} of 100`;
      const dialect = names[at % names.length];
      const { status, text } = await send(gateway.url, dialect, { model: 'offline-pace-200', prompt });
      return { at, prompt, status, said: textOf(dialect, text) };
    }),
  );
  for (const { at, prompt, status, said } of results) {
    expect({ at, status, start: said.slice(0, prompt.length + 10) }).toEqual({
      at,
      status: 200,
      start: `You said: ${prompt}`,
    });
    // 60 words, each with the number that follows from its prompt: counted up from the first without a gap.
    const numbers = [...said.slice(prompt.length + 10).matchAll(/(\d+)(?= |$)/g)].map(([number]) => Number(number));
    expect(numbers).toHaveLength(60);
    numbers.forEach((number, index) => expect(number).toBe((numbers[0] + index) % 997));
  }
  expect(await provider.stats()).toMatchObject({ finished: 100, cancelled: 0, open: 0, refused: 0 });
  await Promise.all([gateway, provider].map((one) => one.stop()));
});

(process.platform === 'linux' ? test : test.skip)('memory is flat over many streams', async () => {
  const provider = await startProvider();
  const gateway = await startGateway({ UPSTREAM_URL: provider.url, UPSTREAM_FORMAT: 'claude' });
  const round = async () => {
    for (let done = 0; done < 600; done += 50) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, at) =>
          send(gateway.url, names[at % names.length], { prompt: `Say 100 words about ${done + at}` }),
        ),
      );
      expect(answers.every(({ status }) => status === 200)).toBe(true);
    }
    return residentBytes(gateway.child.pid);
  };
  await round();
  const warm = await round();
  await round();
  const late = await round();
  expect(warm).toBeLessThan(200 * 1024 * 1024);
  expect(late - warm).toBeLessThan(24 * 1024 * 1024);
  await Promise.all([gateway.stop(), provider.stop()]);
});
