import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { expected, limits, prompts, rejected, run, sameCalls, system, test, tools, url } from './common.mjs';

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'secret', maxRetries: 0, timeout: 20_000 });
const user = (content) => ({ role: 'user', content });

// ---- chat completions

const functions = tools.map((tool) => ({ type: 'function', function: tool }));
const usageOf = ({ usage }) => ({
  prompt_tokens: usage.input,
  completion_tokens: usage.output,
  total_tokens: usage.input + usage.output,
});
function sameUsage(got, wanted) {
  if (!limits) return;
  const { prompt_tokens, completion_tokens, total_tokens } = got;
  assert.deepEqual({ prompt_tokens, completion_tokens, total_tokens }, usageOf(wanted));
}
const callsOf = (message) =>
  message.tool_calls.map(({ id, function: { name, arguments: text } }) => ({ id, name, arguments: text }));

test('chat whole', async () => {
  const {
    choices: [choice],
    usage,
    model,
  } = await client.chat.completions.create({
    model: 'offline',
    messages: [{ role: 'system', content: system }, user(prompts.text)],
  });
  assert.equal(choice.message.content, expected.text.text);
  assert.equal(choice.finish_reason, 'stop');
  assert.equal(typeof model, 'string');
  sameUsage(usage, expected.text);
});
test('chat streamed', async () => {
  const stream = client.chat.completions.stream({
    model: 'offline',
    messages: [{ role: 'system', content: system }, user(prompts.text)],
    stream_options: { include_usage: true },
  });
  const {
    choices: [choice],
    usage,
  } = await stream.finalChatCompletion();
  assert.equal(choice.message.content, expected.text.text);
  assert.equal(choice.finish_reason, 'stop');
  sameUsage(usage, expected.text);
});
test('chat tools whole', async () => {
  const {
    choices: [choice],
  } = await client.chat.completions.create({ model: 'offline', messages: [user(prompts.tool)], tools: functions });
  assert.equal(choice.message.content, expected.tool.text);
  assert.equal(choice.finish_reason, 'tool_calls');
  sameCalls(callsOf(choice.message), expected.tool.calls);
});
test('chat tools streamed, and their results', async () => {
  const first = await client.chat.completions
    .stream({ model: 'offline', messages: [user(prompts.tool)], tools: functions })
    .finalChatCompletion();
  const { message, finish_reason: finish } = first.choices[0];
  assert.equal(finish, 'tool_calls');
  sameCalls(callsOf(message), expected.tool.calls);
  const calls = callsOf(message);
  const {
    choices: [choice],
  } = await client.chat.completions.create({
    model: 'offline',
    tools: functions,
    messages: [
      user(prompts.tool),
      {
        role: 'assistant',
        content: message.content,
        tool_calls: message.tool_calls.map(({ id, type, function: { name, arguments: text } }) => ({
          id,
          type,
          function: { name, arguments: text },
        })),
      },
      ...calls.map(({ id }, index) => ({
        role: 'tool',
        tool_call_id: id,
        content: index === 0 ? prompts.result : 'also',
      })),
    ],
  });
  assert.ok(choice.message.content.startsWith(`The tools said: ${prompts.result}; also`), choice.message.content);
});
test('chat length', async () => {
  if (!limits) return;
  const {
    choices: [choice],
  } = await client.chat.completions.create({
    model: 'offline',
    messages: [user(prompts.long)],
    max_completion_tokens: 20,
  });
  assert.equal(choice.message.content, expected.long.text);
  assert.equal(choice.finish_reason, 'length');
});
test('chat reasoning', async () => {
  let text = '';
  let reasoning = '';
  for await (const { choices } of await client.chat.completions.create({
    model: 'offline',
    messages: [user(prompts.thoughts)],
    reasoning_effort: 'low',
    stream: true,
  })) {
    text += choices[0]?.delta.content ?? '';
    reasoning += choices[0]?.delta.reasoning_content ?? '';
  }
  assert.equal(text, expected.thoughts.text);
  assert.equal(reasoning, expected.thoughts.reasoning);
});
test('chat errors', async () => {
  const limited = await rejected(
    client.chat.completions.create({ model: 'offline-status-429', messages: [user('hi')], stream: true }),
  );
  assert.ok(limited instanceof OpenAI.RateLimitError, String(limited));
  assert.match(limited.message, /offline provider answers 429/);
  const failed = await rejected(
    client.chat.completions.stream({ model: 'offline-error', messages: [user('hi')] }).finalChatCompletion(),
  );
  assert.ok(failed instanceof OpenAI.APIError, String(failed));
  assert.match(failed.message, /offline provider is overloaded/);
});

// ---- responses

const responseTools = tools.map((tool) => ({ type: 'function', ...tool, strict: false }));
const responseCalls = ({ output }) =>
  output
    .filter((item) => item.type === 'function_call')
    .map((item) => ({ id: item.call_id, name: item.name, arguments: item.arguments }));

test('responses whole', async () => {
  const response = await client.responses.create({ model: 'offline', instructions: system, input: prompts.text });
  assert.equal(response.output_text, expected.text.text);
  assert.equal(response.status, 'completed');
  if (limits) assert.equal(response.usage.output_tokens, expected.text.usage.output);
});
test('responses streamed', async () => {
  const response = await client.responses
    .stream({ model: 'offline', instructions: system, input: prompts.text })
    .finalResponse();
  assert.equal(response.output_text, expected.text.text);
  assert.equal(response.status, 'completed');
  if (limits) assert.equal(response.usage.input_tokens, expected.text.usage.input);
});
test('responses tools whole', async () => {
  const response = await client.responses.create({ model: 'offline', input: prompts.tool, tools: responseTools });
  assert.equal(response.output_text, expected.tool.text);
  sameCalls(responseCalls(response), expected.tool.calls);
});
test('responses tools streamed, and their results', async () => {
  const first = await client.responses
    .stream({ model: 'offline', input: prompts.tool, tools: responseTools })
    .finalResponse();
  sameCalls(responseCalls(first), expected.tool.calls);
  const response = await client.responses.create({
    model: 'offline',
    tools: responseTools,
    input: [
      user(prompts.tool),
      ...responseCalls(first).map(({ id, name, arguments: text }) => ({
        type: 'function_call',
        call_id: id,
        name,
        arguments: text,
      })),
      ...responseCalls(first).map(({ id }, index) => ({
        type: 'function_call_output',
        call_id: id,
        output: index === 0 ? prompts.result : 'also',
      })),
    ],
  });
  assert.ok(response.output_text.startsWith(`The tools said: ${prompts.result}; also`), response.output_text);
});
test('responses length', async () => {
  if (!limits) return;
  const response = await client.responses.create({ model: 'offline', input: prompts.long, max_output_tokens: 20 });
  assert.equal(response.status, 'incomplete');
  assert.deepEqual(response.incomplete_details, { reason: 'max_output_tokens' });
  assert.equal(response.output_text, expected.long.text);
});
test('responses reasoning', async () => {
  const response = await client.responses
    .stream({ model: 'offline', input: prompts.thoughts, reasoning: { effort: 'low', summary: 'auto' } })
    .finalResponse();
  assert.equal(response.output_text, expected.thoughts.text);
  const thoughts = response.output
    .filter((item) => item.type === 'reasoning')
    .flatMap((item) => [...item.summary, ...(item.content ?? [])]);
  assert.equal(thoughts.map((part) => part.text).join(''), expected.thoughts.reasoning);
});
test('responses errors', async () => {
  const limited = await rejected(client.responses.create({ model: 'offline-status-503', input: 'hi' }));
  assert.ok(limited instanceof OpenAI.InternalServerError, String(limited));
  const failed = await rejected(
    (async () => {
      for await (const event of await client.responses.create({ model: 'offline-error', input: 'hi', stream: true })) {
        if (event.type === 'error') throw new Error(event.message);
        if (event.type === 'response.failed') throw new Error(event.response.error.message);
      }
    })(),
  );
  assert.match(failed.message, /offline provider is overloaded/);
});

await run();
