'use strict';
// What a request of each dialect means, read by plain JavaScript that shares nothing with the addon.
// Parts of a turn are sorted by kind (thoughts, texts, media, calls; results first), as not every dialect keeps the
// order between kinds; texts of one kind are joined by a blank line, as not every dialect keeps them apart.

const list = (value) => (value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]);
const present = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)));
const parsed = (text) => { try { return JSON.parse(text || '{}'); } catch { return text; } };
const join = (texts) => texts.filter((text) => text !== '').join('\n\n');

const fromUrl = (url) => {
  const match = /^data:([^;,]*);base64,(.*)$/s.exec(url);
  return match ? { mime: match[1], data: match[2] } : { url };
};
const mimeOf = (data) => (data.startsWith('iVBOR') ? 'image/png' : 'image/jpeg');

/** Turns from a flat list of [side, kind, value]. */
function turnsOf(said) {
  const turns = [];
  for (const [side, kind, value] of said) {
    if (kind !== 'result' && kind !== 'call' && kind !== 'media' && value === '') continue;
    let turn = turns.at(-1);
    if (turn?.side !== side) turns.push((turn = { side, results: [], thoughts: [], texts: [], media: [], calls: [] }));
    turn[kind === 'media' ? 'media' : `${kind}s`].push(value);
  }
  return turns.map((turn) => present({ ...turn, texts: join(turn.texts) || undefined, thoughts: join(turn.thoughts) || undefined }));
}
/** A tool's answer: text, read as JSON where it is an object, since Gemini has objects only. */
function result(id, name, texts, media) {
  const text = join(texts);
  const value = parsed(text === '' ? '""' : text);
  return present({ id, text: value !== null && typeof value === 'object' ? value : text, media });
}
const budgetWord = (tokens) => [['minimal', 1024], ['low', 2048], ['medium', 8192], ['high', 20000]]
  .sort(([, a], [, b]) => Math.abs(a - tokens) - Math.abs(b - tokens))[0][0];

function openaiPart(part) {
  if (typeof part === 'string') return ['text', part];
  switch (part.type) {
    case 'image_url': return ['media', fromUrl(part.image_url.url)];
    case 'input_image': return ['media', fromUrl(part.image_url)];
    case 'file': return ['media', fromUrl(part.file.file_data)];
    case 'input_file': return ['media', fromUrl(part.file_data ?? part.file_url)];
    default: return ['text', part.text ?? part.refusal];
  }
}
const openaiChoice = (choice) => (choice === undefined || typeof choice === 'string' ? choice : { name: choice.name ?? choice.function.name });

function chat(body) {
  const said = [];
  const system = [];
  for (const message of body.messages) {
    const parts = list(message.content).map(openaiPart);
    if (message.role === 'system' || message.role === 'developer') system.push(...parts.map(([, text]) => text));
    else if (message.role === 'tool') said.push(['user', 'result', result(message.tool_call_id, undefined, parts.map(([, text]) => text))]);
    else {
      if (message.reasoning_content) said.push([message.role, 'thought', message.reasoning_content]);
      for (const [kind, value] of parts) said.push([message.role, kind, value]);
      for (const call of list(message.tool_calls)) said.push(['assistant', 'call', { id: call.id, name: call.function.name, args: parsed(call.function.arguments) }]);
    }
  }
  const format = body.response_format;
  return {
    system, said, model: body.model, temperature: body.temperature, topP: body.top_p, seed: body.seed, presence: body.presence_penalty,
    frequency: body.frequency_penalty, stop: list(body.stop), maxTokens: body.max_completion_tokens ?? body.max_tokens, count: body.n,
    stream: body.stream, effort: body.reasoning_effort, user: body.user, parallel: body.parallel_tool_calls, choice: openaiChoice(body.tool_choice),
    tools: list(body.tools).map(({ function: tool }) => ({ name: tool.name, description: tool.description, schema: tool.parameters })),
    format: format && (format.type === 'json_schema' ? { schema: format.json_schema.schema } : format.type),
  };
}

function responses(body) {
  const said = [];
  const system = body.instructions === undefined ? [] : [body.instructions];
  for (const item of typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : body.input) {
    if (item.type === 'function_call') said.push(['assistant', 'call', { id: item.call_id, name: item.name, args: parsed(item.arguments) }]);
    else if (item.type === 'function_call_output') {
      const parts = list(item.output).map(openaiPart);
      said.push(['user', 'result', result(item.call_id, undefined, parts.filter(([kind]) => kind === 'text').map(([, text]) => text), parts.filter(([kind]) => kind === 'media').map(([, media]) => media))]);
    } else if (item.type === 'reasoning') said.push(['assistant', 'thought', join(item.summary.map((part) => part.text))]);
    else if (item.role === 'system' || item.role === 'developer') system.push(...list(item.content).map(openaiPart).map(([, text]) => text));
    else for (const [kind, value] of list(item.content).map(openaiPart)) said.push([item.role, kind, value]);
  }
  const format = body.text?.format;
  return {
    system, said, model: body.model, temperature: body.temperature, topP: body.top_p, maxTokens: body.max_output_tokens, stream: body.stream,
    effort: body.reasoning?.effort, user: body.user, parallel: body.parallel_tool_calls, choice: openaiChoice(body.tool_choice),
    tools: list(body.tools).map((tool) => ({ name: tool.name, description: tool.description, schema: tool.parameters })),
    format: format && (format.type === 'json_schema' ? { schema: format.schema } : format.type),
  };
}

function claudeParts(content) {
  return (typeof content === 'string' ? [{ type: 'text', text: content }] : list(content)).map((block) => {
    switch (block.type) {
      case 'image': case 'document':
        return ['media', block.source.type === 'url' ? { url: block.source.url } : { mime: block.source.media_type, data: block.source.data }];
      case 'thinking': return ['thought', block.thinking];
      case 'tool_use': return ['call', { id: block.id, name: block.name, args: block.input }];
      case 'tool_result': {
        const parts = claudeParts(block.content);
        return ['result', result(block.tool_use_id, undefined, parts.filter(([kind]) => kind === 'text').map(([, text]) => text), parts.filter(([kind]) => kind === 'media').map(([, media]) => media))];
      }
      default: return ['text', block.text];
    }
  });
}
function claude(body) {
  const said = body.messages.flatMap((message) => claudeParts(message.content).map(([kind, value]) => [message.role, kind, value]));
  const choice = { auto: 'auto', any: 'required', none: 'none', tool: { name: body.tool_choice?.name } }[body.tool_choice?.type];
  return {
    system: claudeParts(body.system).map(([, text]) => text), said, model: body.model, temperature: body.temperature, topP: body.top_p, topK: body.top_k,
    stop: list(body.stop_sequences), maxTokens: body.max_tokens, stream: body.stream, user: body.metadata?.user_id, choice,
    parallel: body.tool_choice?.disable_parallel_tool_use === undefined ? undefined : !body.tool_choice.disable_parallel_tool_use,
    effort: body.thinking && (body.thinking.type === 'disabled' ? 'none' : budgetWord(body.thinking.budget_tokens)),
    tools: list(body.tools).map((tool) => ({ name: tool.name, description: tool.description, schema: tool.input_schema })),
    format: body.output_config?.format && { schema: body.output_config.format.schema },
  };
}

function gemini(body) {
  const media = ({ inlineData, fileData }) => (inlineData ? { mime: inlineData.mimeType, data: inlineData.data } : { url: fileData.fileUri });
  const said = body.contents.flatMap((content) => content.parts.map((part) => {
    const side = content.role === 'model' ? 'assistant' : 'user';
    if (part.functionCall) return [side, 'call', { id: part.functionCall.id, name: part.functionCall.name, args: part.functionCall.args }];
    if (part.functionResponse) {
      const { id, name, response, parts } = part.functionResponse;
      const text = Object.keys(response).length === 1 ? response.output ?? response.error ?? response : response;
      return [side, 'result', result(id, name, [typeof text === 'string' ? text : JSON.stringify(text)], list(parts).map(media))];
    }
    return part.text !== undefined ? [side, part.thought ? 'thought' : 'text', part.text] : [side, 'media', media(part)];
  }));
  const config = body.generationConfig ?? {};
  const calling = body.toolConfig?.functionCallingConfig;
  const choice = { AUTO: 'auto', NONE: 'none', ANY: calling?.allowedFunctionNames ? { name: calling.allowedFunctionNames[0] } : 'required' }[calling?.mode];
  const budget = config.thinkingConfig?.thinkingBudget;
  return {
    system: list(body.systemInstruction?.parts).map((part) => part.text), said, temperature: config.temperature, topP: config.topP, topK: config.topK, seed: config.seed,
    presence: config.presencePenalty, frequency: config.frequencyPenalty, stop: list(config.stopSequences), maxTokens: config.maxOutputTokens, count: config.candidateCount,
    effort: budget === undefined ? undefined : budget === 0 ? 'none' : budgetWord(budget), choice,
    tools: list(body.tools).flatMap((tool) => tool.functionDeclarations).map((tool) => ({ name: tool.name, description: tool.description, schema: tool.parametersJsonSchema })),
    format: config.responseJsonSchema ? { schema: config.responseJsonSchema } : config.responseMimeType && 'json_object',
  };
}

function ollama(body) {
  const said = [];
  const system = [];
  for (const message of body.messages) {
    const media = list(message.images).map((data) => ({ mime: mimeOf(data), data }));
    if (message.role === 'system') system.push(message.content);
    else if (message.role === 'tool') said.push(['user', 'result', result(message.tool_call_id, message.tool_name, [message.content], media)]);
    else {
      if (message.thinking) said.push(['assistant', 'thought', message.thinking]);
      said.push([message.role, 'text', message.content], ...media.map((one) => [message.role, 'media', one]));
      for (const call of list(message.tool_calls)) said.push(['assistant', 'call', { id: call.id, name: call.function.name, args: call.function.arguments }]);
    }
  }
  const options = body.options ?? {};
  return {
    system, said, model: body.model, temperature: options.temperature, topP: options.top_p, topK: options.top_k, seed: options.seed, presence: options.presence_penalty,
    frequency: options.frequency_penalty, stop: list(options.stop), maxTokens: options.num_predict, stream: body.stream,
    effort: body.think === undefined ? undefined : body.think === false ? 'none' : body.think,
    tools: list(body.tools).map(({ function: tool }) => ({ name: tool.name, description: tool.description, schema: tool.parameters })),
    format: body.format && (body.format === 'json' ? 'json_object' : { schema: body.format }),
  };
}

const readers = { 'openai-chat': chat, 'openai-responses': responses, claude, gemini, ollama };

/** The meaning of a body. */
function meaning(dialect, body) {
  const { system, said, ...rest } = readers[dialect](body);
  return present({ ...rest, system: join(system) || undefined, turns: turnsOf(said) });
}

module.exports = { meaning };
