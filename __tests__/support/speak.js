'use strict';
const { eventFrame } = require('./aws');
const { below, pick } = require('./random');

/** Cut anywhere, also inside surrogate pairs. */
function fragments(random, text) {
  const out = [];
  for (let at = 0; at < text.length;) {
    const end = at + 1 + below(random, 12);
    out.push(text.slice(at, end));
    at = end;
  }
  return out;
}

/** JSON text in the spelling of some provider: blanks or none, escapes or raw characters. Halves of pairs are escaped. */
function spell(random, json) {
  const style = below(random, 3);
  if (style === 0) return JSON.stringify(json);
  if (style === 1)
    return JSON.stringify(json).replace(
      /[^\x20-\x7e]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  return JSON.stringify(json, null, 1).replace(/\n */g, ' ');
}

function asSse(random, events, named) {
  const eol = pick(random, ['\n', '\n', '\r\n', '\r']);
  const space = pick(random, [' ', '']);
  const out = events.map((event) => {
    const noise = pick(random, ['', '', '', `: ping${eol}${eol}`, `:${eol}`, `id: 7${eol}`, `retry: 5${eol}`]);
    const name = named && event.type ? `event:${space}${event.type}${eol}` : '';
    return `${noise}${name}data:${space}${event === '[DONE]' ? event : spell(random, event)}${eol}${eol}`;
  });
  return Buffer.from((random() < 0.2 ? '\ufeff' : '') + out.join(''));
}

const FINISH = {
  claude: { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', content_filter: 'refusal' },
  'bedrock-converse': {
    stop: 'end_turn',
    length: 'max_tokens',
    tool_calls: 'tool_use',
    content_filter: 'content_filtered',
  },
  gemini: { stop: 'STOP', length: 'MAX_TOKENS', tool_calls: 'STOP', content_filter: 'SAFETY' },
};

function openaiChat({ parts, finish, input, cached, output }, random) {
  const chunk = (delta, more = {}) => ({
    id: 'id-1',
    model: 'm-1',
    choices: [{ index: 0, delta, finish_reason: null, ...more }],
  });
  const thought = pick(random, ['reasoning_content', 'reasoning']);
  let index = -1;
  const events = parts.flatMap(({ kind, said, id, name, args }) => {
    if (kind !== 'call') {
      return fragments(random, said).map((piece) => chunk({ [kind === 'text' ? 'content' : thought]: piece }));
    }
    index += 1;
    const at = index;
    const piece = (fields) => chunk({ tool_calls: [{ index: at, ...fields }] });
    return [
      piece({ id, type: 'function', function: { name, arguments: '' } }),
      ...fragments(random, args).map((text) => piece({ function: { arguments: text } })),
    ];
  });
  const usage = {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
  };
  return asSse(
    random,
    [...events, chunk({}, { finish_reason: finish }), { id: 'id-1', model: 'm-1', choices: [], usage }, '[DONE]'],
    false,
  );
}

function openaiResponses({ parts, finish, input, cached, output }, random) {
  const events = [{ type: 'response.created', response: { id: 'id-1', model: 'm-1' } }];
  parts.forEach(({ kind, said, id, name, args }, at) => {
    const place = { item_id: `item_${at}`, output_index: at };
    const item = {
      id: place.item_id,
      ...(kind === 'call'
        ? { type: 'function_call', call_id: id, name }
        : { type: kind === 'text' ? 'message' : 'reasoning' }),
    };
    events.push({
      type: 'response.output_item.added',
      output_index: at,
      item: { ...item, ...(kind === 'call' && { arguments: '' }) },
    });
    const delta = {
      text: 'response.output_text.delta',
      reasoning: pick(random, ['response.reasoning_text.delta', 'response.reasoning_summary_text.delta']),
      call: 'response.function_call_arguments.delta',
    };
    for (const piece of fragments(random, said ?? args))
      events.push({ type: delta[kind], ...place, content_index: 0, delta: piece });
    if (kind === 'call') events.push({ type: 'response.function_call_arguments.done', ...place, arguments: args });
    events.push({
      type: 'response.output_item.done',
      output_index: at,
      item: { ...item, ...(kind === 'call' && { arguments: args }) },
    });
  });
  const usage = {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    total_tokens: input + output,
  };
  const reason = { length: 'max_output_tokens', content_filter: 'content_filter' }[finish];
  const end = reason ? 'incomplete' : 'completed';
  events.push({
    type: `response.${end}`,
    response: { id: 'id-1', model: 'm-1', status: end, usage, incomplete_details: reason ? { reason } : null },
  });
  return asSse(
    random,
    events.map((event, at) => ({ ...event, sequence_number: at })),
    true,
  );
}

function claudeEvents({ parts, finish, input, cached, output }, random) {
  const events = [
    {
      type: 'message_start',
      message: {
        id: 'id-1',
        model: 'm-1',
        usage: { input_tokens: input, cache_read_input_tokens: cached, output_tokens: 1 },
      },
    },
  ];
  parts.forEach(({ kind, said, id, name, args }, index) => {
    const start = {
      text: { type: 'text', text: '' },
      reasoning: { type: 'thinking', thinking: '' },
      call: { type: 'tool_use', id, name, input: {} },
    }[kind];
    events.push({ type: 'content_block_start', index, content_block: start });
    for (const piece of fragments(random, said ?? args)) {
      const delta = {
        text: { type: 'text_delta', text: piece },
        reasoning: { type: 'thinking_delta', thinking: piece },
        call: { type: 'input_json_delta', partial_json: piece },
      }[kind];
      events.push({ type: 'content_block_delta', index, delta });
      if (random() < 0.1) events.push({ type: 'ping' });
    }
    events.push({ type: 'content_block_stop', index });
  });
  events.push(
    { type: 'message_delta', delta: { stop_reason: FINISH.claude[finish] }, usage: { output_tokens: output } },
    { type: 'message_stop' },
  );
  return events;
}

function gemini({ parts, finish, input, cached, output }, random) {
  const chunk = (part, more = {}) => ({
    candidates: [{ content: { role: 'model', parts: [part] }, index: 0, ...more }],
    modelVersion: 'm-1',
    responseId: 'id-1',
  });
  const events = parts.flatMap(({ kind, said, id, name, args }) =>
    kind === 'call'
      ? [chunk({ functionCall: { id, name, args: JSON.parse(args) } })]
      : fragments(random, said).map((piece) =>
          chunk(kind === 'text' ? { text: piece } : { text: piece, thought: true }),
        ),
  );
  const usageMetadata = {
    promptTokenCount: input,
    candidatesTokenCount: output,
    totalTokenCount: input + output,
    cachedContentTokenCount: cached,
  };
  events.push({ ...chunk({ text: '' }, { finishReason: FINISH.gemini[finish] }), usageMetadata });
  return asSse(random, random() < 0.3 ? events.map((event) => ({ response: event })) : events, false);
}

function ollama({ parts, finish, input, output }, random) {
  const line = (message, more = {}) => ({
    model: 'm-1',
    message: { role: 'assistant', content: '', ...message },
    done: false,
    ...more,
  });
  const lines = parts.flatMap(({ kind, said, name, args }) =>
    kind === 'call'
      ? [line({ tool_calls: [{ function: { name, arguments: JSON.parse(args) } }] })]
      : fragments(random, said).map((piece) => line({ [kind === 'text' ? 'content' : 'thinking']: piece })),
  );
  lines.push(
    line(
      {},
      {
        done: true,
        done_reason: finish === 'length' ? 'length' : 'stop',
        prompt_eval_count: input,
        eval_count: output,
      },
    ),
  );
  const eol = pick(random, ['\n', '\r\n', '\n\n']);
  return Buffer.from(lines.map((each) => spell(random, each) + eol).join(''));
}

function bedrockConverse({ parts, finish, input, cached, output }, random) {
  const frames = [eventFrame('messageStart', { role: 'assistant' })];
  parts.forEach(({ kind, said, id, name, args }, contentBlockIndex) => {
    if (kind === 'call')
      frames.push(eventFrame('contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId: id, name } } }));
    for (const piece of fragments(random, said ?? args)) {
      const delta = {
        text: { text: piece },
        reasoning: { reasoningContent: { text: piece } },
        call: { toolUse: { input: piece } },
      }[kind];
      frames.push(eventFrame('contentBlockDelta', { contentBlockIndex, delta }));
    }
    frames.push(eventFrame('contentBlockStop', { contentBlockIndex }));
  });
  frames.push(eventFrame('messageStop', { stopReason: FINISH['bedrock-converse'][finish] }));
  frames.push(
    eventFrame('metadata', {
      usage: {
        inputTokens: input,
        outputTokens: output,
        totalTokens: input + cached + output,
        cacheReadInputTokens: cached,
      },
    }),
  );
  return Buffer.concat(frames);
}

/** Kiro has no word for reasoning but tags in its text, none for its end and none for its counts. */
function kiro({ parts }, random) {
  const text = (content) => eventFrame('assistantResponseEvent', { content });
  const frames = parts.flatMap(({ kind, said, id, name, args }) => {
    if (kind === 'text') return fragments(random, said).map(text);
    if (kind === 'reasoning') return [];
    const tool = (more) => eventFrame('toolUseEvent', { name, toolUseId: id, ...more });
    return [tool({}), ...fragments(random, args).map((input) => tool({ input })), tool({ stop: true })];
  });
  return Buffer.concat([...frames, eventFrame('contextUsageEvent', { contextUsagePercentage: 12.5 })]);
}

const asFrames = (events) =>
  Buffer.concat(
    events.map((event) => eventFrame('chunk', { bytes: Buffer.from(JSON.stringify(event)).toString('base64') })),
  );

/** Speakers of the wire formats: a message of `randomMessage` as a provider would send it. */
const SPEAKERS = {
  'openai-chat': openaiChat,
  'openai-responses': openaiResponses,
  claude: (message, random) => asSse(random, claudeEvents(message, random), true),
  'claude-aws': (message, random) => asFrames(claudeEvents(message, random)),
  gemini,
  ollama,
  'bedrock-converse': bedrockConverse,
  kiro,
};

module.exports = { SPEAKERS };
