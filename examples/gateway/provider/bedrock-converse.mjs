// Amazon Bedrock converse, as the service reads and writes it.
import { fragments } from './answer.mjs';
import { event, exception } from './eventstream.mjs';
import {
  any,
  array,
  boolean,
  conversation,
  each,
  fields,
  filled,
  integer,
  Invalid,
  number,
  object,
  oneOf,
  schema,
  string,
  turn,
} from './shape.mjs';

export const streamType = 'application/vnd.amazon.eventstream';

function text(blocks, at) {
  return each((block, here) => string(fields(block, here, { text: filled }).text, here))(blocks, at).join('');
}
function block(value, at, message) {
  const names = Object.keys(object(value, at));
  if (names.length !== 1) throw new Invalid(at, `must have one member, got ${names.join(', ') || 'none'}`);
  switch (names[0]) {
    case 'text':
      message.text += filled(value.text, `${at}.text`);
      break;
    case 'image':
    case 'document':
      filled(value[names[0]].format, `${at}.${names[0]}.format`);
      object(value[names[0]].source, `${at}.${names[0]}.source`);
      message.images += 1;
      break;
    case 'toolUse':
      fields(value.toolUse, `${at}.toolUse`, { toolUseId: filled, name: filled, input: object });
      message.calls.push({ id: filled(value.toolUse.toolUseId, `${at}.toolUse.toolUseId`), name: value.toolUse.name });
      break;
    case 'toolResult':
      fields(value.toolResult, `${at}.toolResult`, { toolUseId: filled, content: array, status: string });
      message.results.push({
        id: filled(value.toolResult.toolUseId, `${at}.toolResult.toolUseId`),
        text: text(value.toolResult.content, `${at}.toolResult.content`),
      });
      break;
    case 'reasoningContent':
      object(value.reasoningContent, `${at}.reasoningContent`);
      break;
    default:
      throw new Invalid(at, `unknown member ${names[0]}`);
  }
}
function message(value, at) {
  fields(value, at, { role: any, content: array });
  const result = turn(oneOf(value.role, `${at}.role`, ['user', 'assistant']));
  if (value.content.length === 0) throw new Invalid(`${at}.content`, 'must not be empty');
  value.content.forEach((one, index) => block(one, `${at}.content.${index}`, result));
  return result;
}
function tool(value, at) {
  const spec = fields(fields(value, at, { toolSpec: object }).toolSpec, `${at}.toolSpec`, {
    name: filled,
    description: filled,
    inputSchema: object,
  });
  return {
    name: filled(spec.name, `${at}.toolSpec.name`),
    schema: schema(spec.inputSchema.json, `${at}.toolSpec.inputSchema.json`),
  };
}
function choice(value) {
  const known = fields(value, 'toolConfig.toolChoice', { auto: object, any: object, tool: object });
  return known.any
    ? 'required'
    : known.tool
      ? { name: filled(known.tool.name, 'toolConfig.toolChoice.tool.name') }
      : 'auto';
}

export function read(body, { model, stream }) {
  fields(body, '', {
    messages: array,
    system: array,
    toolConfig: (value, at) => fields(value, at, { tools: array, toolChoice: object }),
    inferenceConfig: (value, at) =>
      fields(value, at, {
        maxTokens: (one, here) => integer(one, here, 1),
        temperature: (one, here) => number(one, here, 0, 1),
        topP: (one, here) => number(one, here, 0, 1),
        stopSequences: each(filled),
      }),
    additionalModelRequestFields: object,
    requestMetadata: object,
    performanceConfig: object,
  });
  const turns = conversation(each(message)(body.messages, 'messages'), { alternate: true });
  if (turns[0].role !== 'user') throw new Invalid('messages.0.role', 'A conversation must start with a user message.');
  return {
    model,
    stream,
    system: body.system ? text(body.system, 'system') : '',
    turns,
    tools: body.toolConfig ? each(tool)(body.toolConfig.tools, 'toolConfig.tools') : [],
    choice: body.toolConfig?.toolChoice ? choice(body.toolConfig.toolChoice) : 'auto',
    maxTokens: body.inferenceConfig?.maxTokens,
    reasoning: body.additionalModelRequestFields?.thinking?.type === 'enabled',
  };
}

const reasons = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' };
const usageOf = ({ usage }) => ({
  inputTokens: usage.input - usage.cached,
  outputTokens: usage.output,
  totalTokens: usage.input + usage.output,
  cacheReadInputTokens: usage.cached,
  cacheWriteInputTokens: 0,
});
const signatureOf = (answer) => Buffer.from(`signed ${answer.id}`).toString('base64');
const idOf = (call) => `tooluse_${call.id}`;

export function whole(request, answer) {
  const content = [
    { text: answer.text.join('') },
    ...answer.calls.map((call) => ({ toolUse: { toolUseId: idOf(call), name: call.name, input: call.arguments } })),
  ];
  if (answer.reasoning.length > 0)
    content.unshift({
      reasoningContent: { reasoningText: { text: answer.reasoning.join(''), signature: signatureOf(answer) } },
    });
  return {
    output: { message: { role: 'assistant', content } },
    stopReason: reasons[answer.finish],
    usage: usageOf(answer),
    metrics: { latencyMs: 5 },
  };
}
export function* frames(request, answer) {
  yield event('messageStart', { role: 'assistant' });
  let index = 0;
  const delta = (value) => event('contentBlockDelta', { contentBlockIndex: index, delta: value });
  if (answer.reasoning.length > 0) {
    for (const token of answer.reasoning) yield delta({ reasoningContent: { text: token } });
    yield delta({ reasoningContent: { signature: signatureOf(answer) } });
    yield event('contentBlockStop', { contentBlockIndex: index });
    index += 1;
  }
  for (const token of answer.text) yield delta({ text: token });
  yield event('contentBlockStop', { contentBlockIndex: index });
  for (const call of answer.calls) {
    index += 1;
    yield event('contentBlockStart', {
      contentBlockIndex: index,
      start: { toolUse: { toolUseId: idOf(call), name: call.name } },
    });
    for (const input of fragments(call)) yield delta({ toolUse: { input } });
    yield event('contentBlockStop', { contentBlockIndex: index });
  }
  yield event('messageStop', { stopReason: reasons[answer.finish] });
  yield event('metadata', { usage: usageOf(answer), metrics: { latencyMs: 5 } });
}
export const errorBody = (status, message1) => ({ message: message1 });
export const errorFrame = (message1) => exception('throttlingException', message1);
