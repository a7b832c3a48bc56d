'use strict';
// OpenAI chat streams written by hand, for tests of pipes.

const chunk = (delta, finish_reason = null) => ({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm-1', choices: [{ index: 0, delta, finish_reason }] });
const sse = (object) => `data: ${JSON.stringify(object)}\n\n`;
const said = (text) => sse(chunk({ content: text }));
const STOP = sse(chunk({}, 'stop'));
const DONE = 'data: [DONE]\n\n';

/** The events of a client's stream: parsed where they are JSON. */
const events = (text) => text.split('\n\n').flatMap((block) => {
  const data = block.split('\n').filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n');
  if (data === '') return [];
  return [data.startsWith('{') ? JSON.parse(data) : data];
});

/** What a chat stream says. */
const textOf = (text) => events(text).map((event) => event.choices?.[0]?.delta?.content ?? '').join('');

/** An upstream that gives these pieces, as bytes, one per turn of the event loop. */
async function* bytes(...pieces) {
  for (const piece of pieces) {
    await new Promise((resolve) => setImmediate(resolve));
    yield Buffer.from(piece);
  }
}

module.exports = { chunk, sse, said, STOP, DONE, events, textOf, bytes };
