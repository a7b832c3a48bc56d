// OpenAI responses, as the service reads and writes them.
import { fragments } from './answer.mjs';
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
  jsonObject,
  number,
  object,
  oneOf,
  schema,
  string,
  turn,
} from './shape.mjs';
import { errorBody, merged } from './openai-chat.mjs';

export { errorBody };
export const streamType = 'text/event-stream';

function content(value, at, message) {
  if (typeof value === 'string') {
    message.text += value;
    return;
  }
  const texts = message.role === 'assistant' ? ['output_text', 'refusal'] : ['input_text'];
  array(value, at).forEach((part, index) => {
    const here = `${at}.${index}`;
    object(part, here);
    if (texts.includes(part.type)) message.text += string(part.text ?? part.refusal, `${here}.text`);
    else if (message.role !== 'assistant' && ['input_image', 'input_file'].includes(part.type)) message.images += 1;
    else
      throw new Invalid(`${here}.type`, `${JSON.stringify(part.type)} is not allowed in a message of ${message.role}`);
  });
}
function item(value, at) {
  object(value, at);
  switch (value.type ?? 'message') {
    case 'message': {
      const role = oneOf(value.role, `${at}.role`, ['system', 'developer', 'user', 'assistant']);
      const result = turn(role === 'developer' ? 'system' : role);
      content(value.content, `${at}.content`, result);
      return result;
    }
    case 'function_call':
      jsonObject(value.arguments, `${at}.arguments`);
      return {
        ...turn('assistant'),
        calls: [{ id: filled(value.call_id, `${at}.call_id`), name: filled(value.name, `${at}.name`) }],
      };
    case 'function_call_output': {
      const result = turn('user');
      const id = filled(value.call_id, `${at}.call_id`);
      content(value.output, `${at}.output`, result);
      return { ...result, text: '', results: [{ id, text: result.text }] };
    }
    case 'reasoning':
      return null;
    default:
      throw new Invalid(`${at}.type`, `unknown item ${JSON.stringify(value.type)}`);
  }
}
/** Items of one side that follow each other, as one turn. */
function turnsOf(items) {
  const out = [];
  for (const one of items) {
    const last = out.at(-1);
    const joins = last?.role === one.role && (one.role === 'assistant' ? one.calls.length > 0 : false);
    if (joins) last.calls.push(...one.calls);
    else out.push(one);
  }
  return merged(conversation(out));
}
function tool(value, at) {
  fields(value, at, {
    type: (type, here) => oneOf(type, here, ['function']),
    name: filled,
    description: string,
    parameters: schema,
    strict: boolean,
  });
  return { name: value.name, schema: value.parameters };
}
function choice(value, at) {
  if (typeof value === 'string') return oneOf(value, at, ['auto', 'none', 'required']);
  oneOf(object(value, at).type, `${at}.type`, ['function']);
  return { name: filled(value.name, `${at}.name`) };
}

export function read(body) {
  fields(body, '', {
    model: filled,
    input: any,
    instructions: string,
    stream: boolean,
    temperature: (value, at) => number(value, at, 0, 2),
    top_p: (value, at) => number(value, at, 0, 1),
    max_output_tokens: (value, at) => integer(value, at, 1),
    tools: array,
    tool_choice: any,
    parallel_tool_calls: boolean,
    text: (value, at) => fields(value, at, { format: object, verbosity: string }),
    reasoning: (value, at) => fields(value, at, { effort: string, summary: string, generate_summary: string }),
    metadata: object,
    store: boolean,
    include: array,
    user: string,
    truncation: string,
    service_tier: string,
    previous_response_id: string,
    max_tool_calls: integer,
    top_logprobs: integer,
    prompt_cache_key: string,
    safety_identifier: string,
    background: boolean,
    stream_options: object,
  });
  filled(body.model, 'model');
  const items =
    typeof body.input === 'string'
      ? [{ ...turn('user'), text: filled(body.input, 'input') }]
      : each(item)(body.input, 'input').filter(Boolean);
  return {
    model: body.model,
    stream: body.stream === true,
    system: [body.instructions, ...items.filter((one) => one.role === 'system').map((one) => one.text)]
      .filter(Boolean)
      .join('\n'),
    turns: turnsOf(items.filter((one) => one.role !== 'system')),
    tools: body.tools ? each(tool)(body.tools, 'tools') : [],
    choice: body.tool_choice ? choice(body.tool_choice, 'tool_choice') : 'auto',
    maxTokens: body.max_output_tokens ?? undefined,
    reasoning: Boolean(body.reasoning?.effort) && body.reasoning.effort !== 'none',
  };
}

function items(answer) {
  const text = answer.text.join('');
  const out = [];
  if (answer.reasoning.length > 0)
    out.push({
      id: `rs_${answer.id}`,
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: answer.reasoning.join('') }],
    });
  const status = answer.finish === 'length' ? 'incomplete' : 'completed';
  out.push({
    id: `msg_${answer.id}`,
    type: 'message',
    status,
    role: 'assistant',
    content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
  });
  for (const call of answer.calls) {
    out.push({
      id: `fc_${call.id}`,
      type: 'function_call',
      status: 'completed',
      call_id: `call_${call.id}`,
      name: call.name,
      arguments: JSON.stringify(call.arguments),
    });
  }
  return out;
}
const response = (request, answer, status, output) => ({
  id: `resp_${answer.id}`,
  object: 'response',
  created_at: 1770000000,
  status,
  background: false,
  error: null,
  incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
  instructions: null,
  max_output_tokens: request.maxTokens ?? null,
  model: request.model,
  output,
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  store: false,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
  metadata: {},
  usage:
    status === 'in_progress'
      ? null
      : {
          input_tokens: answer.usage.input,
          input_tokens_details: { cached_tokens: answer.usage.cached },
          output_tokens: answer.usage.output,
          output_tokens_details: { reasoning_tokens: answer.usage.reasoning },
          total_tokens: answer.usage.input + answer.usage.output,
        },
});
const endOf = (answer) => (answer.finish === 'length' ? 'incomplete' : 'completed');

export const whole = (request, answer) => response(request, answer, endOf(answer), items(answer));

export function* frames(request, answer) {
  let sequence = 0;
  const event = (type, fieldsOf) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fieldsOf })}\n\n`;
  yield event('response.created', { response: response(request, answer, 'in_progress', []) });
  yield event('response.in_progress', { response: response(request, answer, 'in_progress', []) });
  const output = items(answer);
  for (const [index, one] of output.entries()) {
    const at = { item_id: one.id, output_index: index };
    if (one.type === 'reasoning') {
      yield event('response.output_item.added', { output_index: index, item: { ...one, summary: [] } });
      yield event('response.reasoning_summary_part.added', {
        ...at,
        summary_index: 0,
        part: { type: 'summary_text', text: '' },
      });
      for (const delta of answer.reasoning)
        yield event('response.reasoning_summary_text.delta', { ...at, summary_index: 0, delta });
      yield event('response.reasoning_summary_text.done', { ...at, summary_index: 0, text: one.summary[0].text });
      yield event('response.reasoning_summary_part.done', { ...at, summary_index: 0, part: one.summary[0] });
    } else if (one.type === 'message') {
      const empty = { type: 'output_text', text: '', annotations: [], logprobs: [] };
      yield event('response.output_item.added', {
        output_index: index,
        item: { ...one, status: 'in_progress', content: [] },
      });
      yield event('response.content_part.added', { ...at, content_index: 0, part: empty });
      for (const delta of answer.text)
        yield event('response.output_text.delta', { ...at, content_index: 0, delta, logprobs: [] });
      yield event('response.output_text.done', { ...at, content_index: 0, text: one.content[0].text, logprobs: [] });
      yield event('response.content_part.done', { ...at, content_index: 0, part: one.content[0] });
    } else {
      yield event('response.output_item.added', {
        output_index: index,
        item: { ...one, status: 'in_progress', arguments: '' },
      });
      const call = answer.calls.find(({ id }) => one.call_id === `call_${id}`);
      for (const delta of fragments(call)) yield event('response.function_call_arguments.delta', { ...at, delta });
      yield event('response.function_call_arguments.done', { ...at, name: one.name, arguments: one.arguments });
    }
    yield event('response.output_item.done', { output_index: index, item: one });
  }
  yield event(`response.${endOf(answer)}`, { response: response(request, answer, endOf(answer), output) });
}

export const errorFrame = (message) =>
  `event: error\ndata: ${JSON.stringify({ type: 'error', sequence_number: 99, code: 'server_error', message, param: null })}\n\n`;
