// Anthropic messages, as the service reads and writes them; over Amazon's framing too.
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

export const streamType = 'text/event-stream';

function textOf(value, at) {
  if (typeof value === 'string') return value;
  return array(value, at)
    .map((block, index) => (block.type === 'text' ? filled(block.text, `${at}.${index}.text`) : ''))
    .join('');
}
function block(value, at, message) {
  switch (object(value, at).type) {
    case 'text':
      message.text += filled(value.text, `${at}.text`);
      break;
    case 'image':
    case 'document': {
      const source = object(value.source, `${at}.source`);
      oneOf(source.type, `${at}.source.type`, ['base64', 'url', 'text', 'file', 'content']);
      if (source.type === 'base64') filled(source.media_type, `${at}.source.media_type`);
      message.images += 1;
      break;
    }
    case 'tool_use':
      if (message.role !== 'assistant') throw new Invalid(at, 'tool_use blocks can only be in assistant messages');
      if (!/^[a-zA-Z0-9_-]+$/.test(value.id))
        throw new Invalid(`${at}.id`, 'String should match pattern ^[a-zA-Z0-9_-]+$');
      object(value.input, `${at}.input`);
      message.calls.push({ id: value.id, name: filled(value.name, `${at}.name`) });
      break;
    case 'tool_result':
      if (message.role !== 'user') throw new Invalid(at, 'tool_result blocks can only be in user messages');
      message.results.push({
        id: filled(value.tool_use_id, `${at}.tool_use_id`),
        text: value.content ? textOf(value.content, `${at}.content`) : '',
      });
      break;
    case 'thinking':
      string(value.thinking, `${at}.thinking`);
      string(value.signature, `${at}.signature`);
      break;
    case 'redacted_thinking':
      filled(value.data, `${at}.data`);
      break;
    default:
      throw new Invalid(`${at}.type`, `unknown block ${JSON.stringify(value.type)}`);
  }
}
function message(value, at) {
  fields(value, at, { role: any, content: any });
  const result = turn(oneOf(value.role, `${at}.role`, ['user', 'assistant']));
  if (typeof value.content === 'string') result.text = filled(value.content, `${at}.content`);
  else array(value.content, `${at}.content`).forEach((one, index) => block(one, `${at}.content.${index}`, result));
  return result;
}
function tool(value, at) {
  fields(value, at, {
    name: filled,
    description: string,
    input_schema: schema,
    cache_control: object,
    type: (type, here) => oneOf(type, here, ['custom']),
    strict: boolean,
    eager_input_streaming: boolean,
  });
  return { name: filled(value.name, `${at}.name`), schema: schema(value.input_schema, `${at}.input_schema`) };
}
function choice(value, at) {
  const type = oneOf(object(value, at).type, `${at}.type`, ['auto', 'any', 'tool', 'none']);
  return type === 'any' ? 'required' : type === 'tool' ? { name: filled(value.name, `${at}.name`) } : type;
}
function thinking(value, at, maxTokens) {
  const type = oneOf(object(value, at).type, `${at}.type`, ['enabled', 'disabled', 'adaptive']);
  if (type === 'enabled' && integer(value.budget_tokens, `${at}.budget_tokens`, 1024) >= maxTokens)
    throw new Invalid('max_tokens', 'must be greater than thinking.budget_tokens');
  return type !== 'disabled';
}

const known = {
  messages: array,
  max_tokens: (value, at) => integer(value, at, 1),
  system: any,
  temperature: (value, at) => number(value, at, 0, 1),
  top_p: (value, at) => number(value, at, 0, 1),
  top_k: integer,
  stop_sequences: each(filled),
  tools: array,
  tool_choice: object,
  thinking: object,
  metadata: (value, at) => fields(value, at, { user_id: string }),
  service_tier: string,
  output_config: object,
  output_format: object,
  cache_control: object,
};
function readBody(body, model, stream) {
  const maxTokens = integer(body.max_tokens, 'max_tokens', 1);
  return {
    model,
    stream,
    system: body.system ? textOf(body.system, 'system') : '',
    turns: conversation(each(message)(body.messages, 'messages'), { alternate: true }),
    tools: body.tools ? each(tool)(body.tools, 'tools') : [],
    choice: body.tool_choice ? choice(body.tool_choice, 'tool_choice') : 'auto',
    maxTokens,
    reasoning: body.thinking ? thinking(body.thinking, 'thinking', maxTokens) : false,
  };
}
export function read(body, { headers }) {
  fields(body, '', { ...known, model: filled, stream: boolean });
  if (!headers['anthropic-version']) throw new Invalid('anthropic-version', 'header is required');
  return readBody(body, filled(body.model, 'model'), body.stream === true);
}

const usageOf = ({ usage }, output) => ({
  input_tokens: usage.input - usage.cached,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: usage.cached,
  output_tokens: output,
});
const reasons = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' };
const signatureOf = (answer) => Buffer.from(`signed ${answer.id}`).toString('base64');

export function whole(request, answer) {
  const content = [];
  if (answer.reasoning.length > 0)
    content.push({ type: 'thinking', thinking: answer.reasoning.join(''), signature: signatureOf(answer) });
  content.push({ type: 'text', text: answer.text.join('') });
  for (const call of answer.calls)
    content.push({ type: 'tool_use', id: `toolu_${call.id}`, name: call.name, input: call.arguments });
  return {
    id: `msg_${answer.id}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content,
    stop_reason: reasons[answer.finish],
    stop_sequence: null,
    usage: usageOf(answer, answer.usage.output),
  };
}

function* events(request, answer) {
  const message = { ...whole(request, answer), content: [], stop_reason: null, usage: usageOf(answer, 1) };
  yield { type: 'message_start', message };
  yield { type: 'ping' };
  const blocks = [];
  if (answer.reasoning.length > 0) {
    const deltas = answer.reasoning.map((thinkingText) => ({ type: 'thinking_delta', thinking: thinkingText }));
    blocks.push([
      { type: 'thinking', thinking: '', signature: '' },
      [...deltas, { type: 'signature_delta', signature: signatureOf(answer) }],
    ]);
  }
  blocks.push([{ type: 'text', text: '' }, answer.text.map((text) => ({ type: 'text_delta', text }))]);
  for (const call of answer.calls) {
    const deltas = ['', ...fragments(call)].map((piece) => ({ type: 'input_json_delta', partial_json: piece }));
    blocks.push([{ type: 'tool_use', id: `toolu_${call.id}`, name: call.name, input: {} }, deltas]);
  }
  for (const [index, [start, deltas]] of blocks.entries()) {
    yield { type: 'content_block_start', index, content_block: start };
    for (const delta of deltas) yield { type: 'content_block_delta', index, delta };
    yield { type: 'content_block_stop', index };
  }
  yield {
    type: 'message_delta',
    delta: { stop_reason: reasons[answer.finish], stop_sequence: null },
    usage: { output_tokens: answer.usage.output },
  };
  yield { type: 'message_stop' };
}
export function* frames(request, answer) {
  for (const one of events(request, answer)) yield `event: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`;
}

const types = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};
export const errorBody = (status, text) => ({
  type: 'error',
  error: { type: types[status] ?? 'api_error', message: text },
  request_id: 'req_offline',
});
export const errorFrame = (text) =>
  `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message: text } })}\n\n`;

/** Claude as Amazon serves it: the model in the path, events as base64 inside frames. */
export const overAws = {
  streamType: 'application/vnd.amazon.eventstream',
  read(body, { model, stream }) {
    fields(body, '', { ...known, anthropic_version: string, anthropic_beta: array });
    if (body.anthropic_version !== 'bedrock-2023-05-31') throw new Invalid('anthropic_version', 'Field required');
    return readBody(body, model, stream);
  },
  whole,
  *frames(request, answer) {
    for (const one of events(request, answer))
      yield event('chunk', { bytes: Buffer.from(JSON.stringify(one)).toString('base64') });
  },
  errorBody: (status, text) => ({ message: text }),
  errorFrame: (text) => exception('throttlingException', text),
};
