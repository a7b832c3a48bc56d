import assert from 'node:assert/strict';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { expected, limits, prompts, rejected, run, system, test, tools as known, url } from './common.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

const apiKey = 'secret';
const models = {
  'openai chat': (name) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat(name),
  'openai responses': (name) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).responses(name),
  compatible: (name) =>
    createOpenAICompatible({ name: 'sluice', baseURL: `${url}/v1`, apiKey, includeUsage: true })(name),
  anthropic: (name) => createAnthropic({ baseURL: `${url}/v1`, apiKey })(name),
  google: (name) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey })(name),
};
const tools = Object.fromEntries(
  known.map(({ name, description, parameters }) => [name, tool({ description, inputSchema: jsonSchema(parameters) })]),
);
// Without `store` this client refers to items that the service keeps; a gateway has none.
const common = { maxRetries: 0, onError() {}, providerOptions: { openai: { store: false } } };
const callsOf = (calls) => calls.map(({ toolName, input }) => ({ name: toolName, arguments: input }));

for (const [name, of] of Object.entries(models)) {
  test(`${name} whole`, async () => {
    const result = await generateText({ ...common, model: of('offline'), system, prompt: prompts.text });
    assert.equal(result.text, expected.text.text);
    assert.equal(result.finishReason, 'stop');
    if (limits) assert.equal(result.usage.outputTokens, expected.text.usage.output);
  });
  test(`${name} streamed`, async () => {
    const result = streamText({ ...common, model: of('offline'), system, prompt: prompts.text });
    assert.equal(await result.text, expected.text.text);
    assert.equal(await result.finishReason, 'stop');
    if (limits) assert.equal((await result.usage).inputTokens, expected.text.usage.input);
  });
  test(`${name} tools whole`, async () => {
    const result = await generateText({ ...common, model: of('offline'), prompt: prompts.tool, tools });
    assert.equal(result.finishReason, 'tool-calls');
    assert.deepEqual(callsOf(result.toolCalls), expected.tool.calls);
  });
  test(`${name} tools streamed`, async () => {
    const result = streamText({ ...common, model: of('offline'), prompt: prompts.tool, tools });
    assert.deepEqual(callsOf(await result.toolCalls), expected.tool.calls);
    assert.equal(await result.text, expected.tool.text);
  });
  test(`${name} tools that run`, async () => {
    const running = Object.fromEntries(
      known.map(({ name: tool1, description, parameters }) => [
        tool1,
        tool({ description, inputSchema: jsonSchema(parameters), execute: async () => prompts.result }),
      ]),
    );
    const result = await generateText({
      ...common,
      model: of('offline'),
      prompt: prompts.tool,
      tools: running,
      stopWhen: stepCountIs(2),
    });
    assert.equal(result.steps.length, 2);
    assert.match(result.text, /^The tools said: [^]*It is “sunny” in Zürich[^]*; /);
  });
  test(`${name} errors`, async () => {
    const limited = await rejected(generateText({ ...common, model: of('offline-status-429'), prompt: 'hi' }));
    assert.equal(limited.statusCode, 429);
    assert.equal(limited.message, 'offline provider answers 429');
    let failed = null;
    const result = streamText({
      ...common,
      model: of('offline-error'),
      prompt: 'hi',
      onError: ({ error }) => {
        failed = error;
      },
    });
    await result.consumeStream();
    assert.match(JSON.stringify(failed?.message ?? failed), /overloaded/);
  });
}

await run();
