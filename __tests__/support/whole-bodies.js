'use strict';
// Whole response bodies by hand, as the documents of each dialect show them, and what each of them means; and a plain
// reader of such bodies that shares nothing with the addon.

const message = {
  text: 'Héllo\n"you"',
  reasoning: 'let me see',
  toolCalls: [
    { id: 'call_a', name: 'weather', arguments: '{"city":"Oslo \\"x\\"","days":[1,2]}' },
    { id: 'call_b', name: 'now', arguments: '{}' },
  ],
  usage: { inputTokens: 120, outputTokens: 45, cachedTokens: 64, reasoningTokens: 20 },
};
const [first, second] = message.toolCalls;

/** The same message, in the words of each dialect. */
const bodies = {
  'openai-chat': {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1700000000,
    model: 'some-model',
    system_fingerprint: 'fp_1',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: message.text,
          reasoning_content: message.reasoning,
          refusal: null,
          tool_calls: message.toolCalls.map(({ id, ...called }) => ({ id, type: 'function', function: called })),
        },
        finish_reason: 'tool_calls',
      },
    ],
    usage: {
      prompt_tokens: 120,
      completion_tokens: 45,
      total_tokens: 165,
      prompt_tokens_details: { cached_tokens: 64 },
      completion_tokens_details: { reasoning_tokens: 20 },
    },
  },
  'openai-responses': {
    id: 'resp_1',
    object: 'response',
    created_at: 1700000000,
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: 'some-model',
    output: [
      { id: 'rs_1', type: 'reasoning', summary: [{ type: 'summary_text', text: message.reasoning }] },
      {
        id: 'msg_1',
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: message.text, annotations: [] }],
      },
      { id: 'fc_1', type: 'function_call', status: 'completed', call_id: first.id, name: first.name, arguments: first.arguments },
      { id: 'fc_2', type: 'function_call', status: 'completed', call_id: second.id, name: second.name, arguments: '{}' },
    ],
    usage: {
      input_tokens: 120,
      input_tokens_details: { cached_tokens: 64 },
      output_tokens: 45,
      output_tokens_details: { reasoning_tokens: 20 },
      total_tokens: 165,
    },
  },
  claude: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'some-model',
    content: [
      { type: 'thinking', thinking: message.reasoning, signature: 'c2ln' },
      { type: 'text', text: message.text },
      { type: 'tool_use', id: first.id, name: first.name, input: JSON.parse(first.arguments) },
      { type: 'tool_use', id: second.id, name: second.name, input: {} },
    ],
    stop_reason: 'tool_use',
    stop_sequence: null,
    usage: { input_tokens: 56, cache_creation_input_tokens: 0, cache_read_input_tokens: 64, output_tokens: 45 },
  },
  gemini: {
    candidates: [
      {
        content: {
          role: 'model',
          parts: [
            { text: message.reasoning, thought: true },
            { text: message.text },
            { functionCall: { id: first.id, name: first.name, args: JSON.parse(first.arguments) } },
            { functionCall: { id: second.id, name: second.name, args: {} } },
          ],
        },
        finishReason: 'STOP',
        index: 0,
      },
    ],
    usageMetadata: {
      promptTokenCount: 120,
      candidatesTokenCount: 25,
      totalTokenCount: 165,
      cachedContentTokenCount: 64,
      thoughtsTokenCount: 20,
    },
    modelVersion: 'some-model',
    responseId: 'resp-g',
  },
  ollama: {
    model: 'some-model',
    created_at: '2023-11-14T22:13:20Z',
    message: {
      role: 'assistant',
      content: message.text,
      thinking: message.reasoning,
      tool_calls: message.toolCalls.map((called) => ({
        function: { name: called.name, arguments: JSON.parse(called.arguments) },
      })),
    },
    done: true,
    done_reason: 'stop',
    prompt_eval_count: 120,
    eval_count: 45,
  },
};

const spelled = (value) => JSON.stringify(value ?? {});
const reasons = {
  stop: 'stop', end_turn: 'stop', STOP: 'stop', completed: 'stop',
  length: 'length', max_tokens: 'length', MAX_TOKENS: 'length', max_output_tokens: 'length',
  tool_calls: 'tool_calls', tool_use: 'tool_calls',
};

/** What a body says: text, reasoning, calls, why it ended, counts as they are named in AssembledMessage. */
const readers = {
  'openai-chat'({ choices: [{ message: said, finish_reason: reason }], usage, id, model }) {
    return {
      id, model, reason,
      text: said.content ?? '',
      reasoning: said.reasoning_content ?? '',
      calls: (said.tool_calls ?? []).map((one) => [one.id, one.function.name, spelled(JSON.parse(one.function.arguments))]),
      counts: usage && [usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens],
    };
  },
  'openai-responses'({ output, status, incomplete_details: details, usage, id, model }) {
    const of = (type) => output.filter((item) => item.type === type);
    return {
      id, model,
      reason: details?.reason ?? status,
      text: of('message').flatMap((item) => item.content).map((part) => part.text).join(''),
      reasoning: of('reasoning').flatMap((item) => item.summary).map((part) => part.text).join(''),
      calls: of('function_call').map((one) => [one.call_id, one.name, spelled(JSON.parse(one.arguments))]),
      counts: usage && [usage.input_tokens, usage.output_tokens, usage.input_tokens_details.cached_tokens],
    };
  },
  claude({ content, stop_reason: reason, usage, id, model }) {
    const of = (type) => content.filter((block) => block.type === type);
    const { input_tokens: fresh, cache_read_input_tokens: cached, cache_creation_input_tokens: created } = usage;
    return {
      id, model, reason,
      text: of('text').map((block) => block.text).join(''),
      reasoning: of('thinking').map((block) => block.thinking).join(''),
      calls: of('tool_use').map((one) => [one.id, one.name, spelled(one.input)]),
      counts: [fresh + cached + created, usage.output_tokens, cached],
    };
  },
  gemini({ candidates: [{ content: { parts }, finishReason: reason }], usageMetadata: usage, responseId: id, modelVersion: model }) {
    return {
      id, model, reason,
      text: parts.filter((part) => part.text && !part.thought).map((part) => part.text).join(''),
      reasoning: parts.filter((part) => part.thought).map((part) => part.text).join(''),
      calls: parts.flatMap(({ functionCall: one }) => (one ? [[one.id, one.name, spelled(one.args)]] : [])),
      counts: usage && [
        usage.promptTokenCount,
        usage.candidatesTokenCount + (usage.thoughtsTokenCount ?? 0),
        usage.cachedContentTokenCount ?? 0,
      ],
    };
  },
  ollama({ message: said, done_reason: reason, prompt_eval_count: input, eval_count: output, model }) {
    return {
      model, reason,
      id: undefined,
      text: said.content,
      reasoning: said.thinking ?? '',
      calls: (said.tool_calls ?? []).map((one) => [one.id, one.function.name, spelled(one.function.arguments)]),
      counts: [input, output, 0],
    };
  },
};

/** What a body of that dialect means. */
function meaning(format, body) {
  const said = readers[format](body);
  const reason = reasons[said.reason];
  // dialects without a word for it say it by their calls
  return { ...said, reason: reason === 'stop' && said.calls.length > 0 ? 'tool_calls' : reason };
}

module.exports = { bodies, meaning, message };
