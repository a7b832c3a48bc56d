import assert from 'node:assert/strict';
import { ApiError, GoogleGenAI } from '@google/genai';
import { expected, limits, prompts, rejected, run, system, test, tools, url } from './common.mjs';

const client = new GoogleGenAI({
  apiKey: 'secret',
  httpOptions: { baseUrl: url, timeout: 20_000, retryOptions: { attempts: 1 } },
});
const model = 'offline';
const functionDeclarations = tools.map(({ name, description, parameters }) => ({
  name,
  description,
  parametersJsonSchema: parameters,
}));
const partsOf = (response) => response.candidates?.[0]?.content?.parts ?? [];
const textOf = (parts) =>
  parts
    .filter((part) => !part.thought)
    .map((part) => part.text ?? '')
    .join('');
// Calls of this dialect need no ids.
const callsOf = (parts) =>
  parts.filter((part) => part.functionCall).map(({ functionCall: { name, args } }) => ({ name, arguments: args }));
async function streamed(request) {
  const parts = [];
  let last;
  let finish;
  for await (const chunk of await client.models.generateContentStream({ model, ...request })) {
    parts.push(...partsOf(chunk));
    finish = chunk.candidates?.[0]?.finishReason ?? finish;
    last = chunk.usageMetadata ?? last;
  }
  return { parts, usage: last, finish };
}
function sameUsage(usage, wanted) {
  if (!limits) return;
  assert.equal(usage.promptTokenCount, wanted.usage.input);
  assert.equal((usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0), wanted.usage.output);
}

test('whole', async () => {
  const response = await client.models.generateContent({
    model,
    contents: prompts.text,
    config: { systemInstruction: system },
  });
  assert.equal(response.text, expected.text.text);
  assert.equal(response.candidates[0].finishReason, 'STOP');
  sameUsage(response.usageMetadata, expected.text);
});
test('streamed', async () => {
  const { parts, usage, finish } = await streamed({ contents: prompts.text, config: { systemInstruction: system } });
  assert.equal(textOf(parts), expected.text.text);
  assert.equal(finish, 'STOP');
  sameUsage(usage, expected.text);
});
test('tools whole', async () => {
  const response = await client.models.generateContent({
    model,
    contents: prompts.tool,
    config: { tools: [{ functionDeclarations }] },
  });
  assert.equal(textOf(partsOf(response)), expected.tool.text);
  assert.deepEqual(callsOf(partsOf(response)), expected.tool.calls);
});
test('tools streamed, and their results', async () => {
  const { parts } = await streamed({ contents: prompts.tool, config: { tools: [{ functionDeclarations }] } });
  const calls = callsOf(parts);
  assert.deepEqual(calls, expected.tool.calls);
  const response = await client.models.generateContent({
    model,
    config: { tools: [{ functionDeclarations }] },
    contents: [
      { role: 'user', parts: [{ text: prompts.tool }] },
      { role: 'model', parts: calls.map(({ name, arguments: args }) => ({ functionCall: { name, args } })) },
      {
        role: 'user',
        parts: calls.map(({ name }, index) => ({
          functionResponse: { name, response: { output: index === 0 ? prompts.result : 'also' } },
        })),
      },
    ],
  });
  // Other dialects take the response as text: the object, or what its `output` says.
  assert.match(textOf(partsOf(response)), /^The tools said: [^]*It is “sunny” in Zürich[^]*; [^]*also/);
});
test('length', async () => {
  if (!limits) return;
  const response = await client.models.generateContent({
    model,
    contents: prompts.long,
    config: { maxOutputTokens: 20 },
  });
  assert.equal(response.text, expected.long.text);
  assert.equal(response.candidates[0].finishReason, 'MAX_TOKENS');
});
test('reasoning', async () => {
  const { parts } = await streamed({
    contents: prompts.thoughts,
    config: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } },
  });
  assert.equal(textOf(parts), expected.thoughts.text);
  assert.equal(
    parts
      .filter((part) => part.thought)
      .map((part) => part.text)
      .join(''),
    expected.thoughts.reasoning,
  );
});
test('errors', async () => {
  const limited = await rejected(client.models.generateContent({ model: 'offline-status-429', contents: 'hi' }));
  assert.ok(limited instanceof ApiError, String(limited));
  assert.equal(limited.status, 429);
  assert.match(limited.message, /RESOURCE_EXHAUSTED/);
  const failed = await rejected(
    (async () => {
      for await (const chunk of await client.models.generateContentStream({ model: 'offline-error', contents: 'hi' }))
        void chunk;
    })(),
  );
  assert.match(failed.message, /offline provider is overloaded/);
});

await run();
