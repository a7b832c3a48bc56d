import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { expected, limits, prompts, rejected, run, sameCalls, system, test, tools as known, url } from './common.mjs';

const client = new Anthropic({ baseURL: url, apiKey: 'secret', maxRetries: 0, timeout: 20_000 });
const base = { model: 'offline', max_tokens: 4096 };
const user = (content) => ({ role: 'user', content });
const tools = known.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters }));
const textOf = ({ content }) =>
  content
    .filter((block) => block.type === 'text')
    .map((block) => block.text)
    .join('');
const callsOf = ({ content }) =>
  content.filter((block) => block.type === 'tool_use').map(({ id, name, input }) => ({ id, name, arguments: input }));
function sameUsage({ usage }, wanted) {
  if (!limits) return;
  assert.equal(
    usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
    wanted.usage.input,
  );
  assert.equal(usage.output_tokens, wanted.usage.output);
}

test('whole', async () => {
  const message = await client.messages.create({ ...base, system, messages: [user(prompts.text)] });
  assert.equal(textOf(message), expected.text.text);
  assert.equal(message.stop_reason, 'end_turn');
  assert.equal(message.role, 'assistant');
  sameUsage(message, expected.text);
});
test('streamed', async () => {
  const message = await client.messages.stream({ ...base, system, messages: [user(prompts.text)] }).finalMessage();
  assert.equal(textOf(message), expected.text.text);
  assert.equal(message.stop_reason, 'end_turn');
  sameUsage(message, expected.text);
});
test('tools whole', async () => {
  const message = await client.messages.create({ ...base, messages: [user(prompts.tool)], tools });
  assert.equal(textOf(message), expected.tool.text);
  assert.equal(message.stop_reason, 'tool_use');
  sameCalls(callsOf(message), expected.tool.calls);
});
test('tools streamed, and their results', async () => {
  const first = await client.messages.stream({ ...base, messages: [user(prompts.tool)], tools }).finalMessage();
  assert.equal(first.stop_reason, 'tool_use');
  sameCalls(callsOf(first), expected.tool.calls);
  const results = callsOf(first).map(({ id }, index) => ({
    type: 'tool_result',
    tool_use_id: id,
    content: index === 0 ? prompts.result : [{ type: 'text', text: 'also' }],
  }));
  const message = await client.messages.create({
    ...base,
    tools,
    messages: [
      user(prompts.tool),
      {
        role: 'assistant',
        content: first.content.map(({ type, text, id, name, input }) =>
          type === 'text' ? { type, text } : { type, id, name, input },
        ),
      },
      user(results),
    ],
  });
  assert.ok(textOf(message).startsWith(`The tools said: ${prompts.result}; also`), textOf(message));
});
test('length', async () => {
  if (!limits) return;
  const message = await client.messages.create({ ...base, max_tokens: 20, messages: [user(prompts.long)] });
  assert.equal(message.stop_reason, 'max_tokens');
  assert.equal(textOf(message), expected.long.text);
});
test('reasoning', async () => {
  const message = await client.messages
    .stream({ ...base, thinking: { type: 'enabled', budget_tokens: 2048 }, messages: [user(prompts.thoughts)] })
    .finalMessage();
  assert.equal(textOf(message), expected.thoughts.text);
  assert.equal(
    message.content
      .filter((block) => block.type === 'thinking')
      .map((block) => block.thinking)
      .join(''),
    expected.thoughts.reasoning,
  );
});
test('errors', async () => {
  const limited = await rejected(
    client.messages.create({ ...base, model: 'offline-status-429', messages: [user('hi')] }),
  );
  assert.ok(limited instanceof Anthropic.RateLimitError, String(limited));
  assert.equal(limited.error.error.type, 'rate_limit_error');
  const failed = await rejected(
    client.messages.stream({ ...base, model: 'offline-error', messages: [user('hi')] }).finalMessage(),
  );
  assert.ok(failed instanceof Anthropic.APIError, String(failed));
  assert.match(failed.message, /offline provider is overloaded/);
});

await run();
