'use strict';
// Request conversion in the caller's realm: jest's node and jsdom environments, and vitest.
const { convertRequest } = require('sluice');

const ask = [{ role: 'user', content: 'hi' }];

test('bodies and results are of this realm, or work as if they were', () => {
  const bytes = Uint8Array.from(Buffer.from(JSON.stringify({ messages: ask })));
  for (const body of [bytes, Buffer.from(JSON.stringify({ messages: ask })), { messages: ask }]) {
    const out = convertRequest(body, { from: 'openai-chat', to: 'claude' });
    expect(Buffer.isBuffer(out)).toBe(true);
    expect(JSON.parse(out.toString())).toEqual({ max_tokens: 4096, messages: ask });
  }
});

test('errors are of this realm', () => {
  const thrown = (body) => {
    try {
      convertRequest(body, { from: 'openai-chat', to: 'claude' });
    } catch (error) {
      return error;
    }
    return undefined;
  };
  expect(thrown({ messages: ask, seed: 1 })).toBeInstanceOf(Error);
  expect(thrown({})).toBeInstanceOf(TypeError);
  expect(thrown(Buffer.from('{'))).toBeInstanceOf(SyntaxError);
});
