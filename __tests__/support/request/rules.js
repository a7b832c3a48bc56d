'use strict';
// What each dialect's own service refuses, as far as requests of these tests go. Written after the public references;
// shares nothing with the addon.

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const isText = (value) => typeof value === 'string';

function known(object, names, where) {
  if (!isObject(object)) throw new Error(`${where} is no object`);
  for (const name of Object.keys(object)) {
    if (!names.includes(name)) throw new Error(`${where} has no field ${name}`);
  }
}
function must(condition, what) {
  if (!condition) throw new Error(what);
}
const dataUrl = /^data:[\w.+-]+\/[\w.+-]+;base64,[A-Za-z0-9+/]+=*$/;
const isAddress = (url) => isText(url) && (/^https?:\/\//.test(url) || dataUrl.test(url));

/** Every result answers a call that came before it and was not answered yet. */
function paired(events) {
  const open = new Set();
  for (const [kind, id] of events) {
    must(isText(id) && id !== '', `a ${kind} without id`);
    if (kind === 'call') open.add(id);
    else must(open.delete(id), `result ${id} answers no open call`);
  }
}

function chat(body) {
  known(body, ['model', 'messages', 'temperature', 'top_p', 'seed', 'presence_penalty', 'frequency_penalty', 'stop',
    'max_completion_tokens', 'n', 'logprobs', 'top_logprobs', 'reasoning_effort', 'tools', 'tool_choice',
    'parallel_tool_calls', 'response_format', 'user', 'metadata', 'stream', 'stream_options', 'store', 'service_tier',
    'prompt_cache_key', 'prompt_cache_retention', 'safety_identifier', 'verbosity'], 'body');
  must(Array.isArray(body.messages), 'messages');
  const events = [];
  let waiting = 0;
  for (const message of body.messages) {
    known(message, ['role', 'content', 'tool_calls', 'tool_call_id', 'refusal', 'reasoning_content'], 'message');
    if (waiting > 0) must(message.role === 'tool', 'calls must be answered before anything else is said');
    const parts = Array.isArray(message.content) ? message.content : [];
    const allowed = { user: ['text', 'image_url', 'input_audio', 'file'], assistant: ['text', 'refusal'] }[message.role] ?? ['text'];
    for (const part of parts) {
      must(allowed.includes(part.type), `${message.role} says ${part.type}`);
      if (part.type === 'image_url') must(isAddress(part.image_url.url), 'image url');
      if (part.type === 'file') must(isText(part.file.file_id) || (dataUrl.test(part.file.file_data) && isText(part.file.filename)), 'file');
      if (part.type === 'input_audio') must(['wav', 'mp3'].includes(part.input_audio.format), 'audio format');
    }
    if (message.role === 'tool') {
      must(isText(message.content) || parts.length > 0, 'tool content');
      events.push(['result', message.tool_call_id]);
      waiting -= 1;
    } else if (message.role === 'assistant') {
      must(isText(message.content) || parts.length > 0 || message.tool_calls || message.refusal, 'assistant says nothing');
      for (const one of message.tool_calls ?? []) {
        known(one, ['id', 'type', 'function'], 'call');
        known(one.function, ['name', 'arguments'], 'function');
        must(one.type === 'function' && isText(one.function.arguments), 'call');
        JSON.parse(one.function.arguments);
        events.push(['call', one.id]);
        waiting += 1;
      }
    } else {
      must(['system', 'developer', 'user'].includes(message.role), `role ${message.role}`);
      must(isText(message.content) || parts.length > 0, 'content');
    }
  }
  paired(events);
  for (const tool of body.tools ?? []) {
    must(tool.type === 'function', 'tool type');
    known(tool.function, ['name', 'description', 'parameters', 'strict'], 'tool');
  }
  must(!('tool_choice' in body) || body.tools?.length > 0, 'tool_choice without tools');
  must(!body.stream_options || body.stream === true, 'stream_options without stream');
}

function responses(body) {
  known(body, ['model', 'input', 'instructions', 'temperature', 'top_p', 'max_output_tokens', 'top_logprobs', 'include',
    'reasoning', 'tools', 'tool_choice', 'parallel_tool_calls', 'text', 'user', 'metadata', 'stream', 'store',
    'service_tier', 'prompt_cache_key', 'prompt_cache_retention', 'safety_identifier'], 'body');
  must(Array.isArray(body.input) && body.input.length > 0, 'input');
  const events = [];
  for (const item of body.input) {
    if (item.type === 'function_call') {
      known(item, ['type', 'call_id', 'name', 'arguments'], 'call');
      must(isText(item.arguments), 'arguments');
      events.push(['call', item.call_id]);
    } else if (item.type === 'function_call_output') {
      known(item, ['type', 'call_id', 'output'], 'output');
      must(isText(item.output) || item.output.every((part) => part.type.startsWith('input_')), 'output');
      events.push(['result', item.call_id]);
    } else if (item.type === 'reasoning') {
      must(Array.isArray(item.summary) && isText(item.encrypted_content), 'reasoning');
    } else {
      must(item.type === 'message' && ['system', 'developer', 'user', 'assistant'].includes(item.role), 'message');
      const allowed = item.role === 'assistant' ? ['output_text', 'refusal'] : ['input_text', 'input_image', 'input_file'];
      must(isText(item.content) || item.content.length > 0, 'content');
      for (const part of isText(item.content) ? [] : item.content) {
        must(allowed.includes(part.type), `${item.role} says ${part.type}`);
        if (part.type === 'input_image') must(isAddress(part.image_url) || isText(part.file_id), 'image');
        if (part.type === 'input_file' && part.file_data) must(dataUrl.test(part.file_data), 'file');
      }
    }
  }
  paired(events);
  for (const tool of body.tools ?? []) {
    known(tool, ['type', 'name', 'description', 'parameters', 'strict'], 'tool');
    must(isObject(tool.parameters) && typeof tool.strict === 'boolean', 'tool');
  }
  must(!('tool_choice' in body) || body.tools?.length > 0, 'tool_choice without tools');
}

function claude(body) {
  known(body, ['model', 'max_tokens', 'system', 'messages', 'thinking', 'temperature', 'top_p', 'top_k', 'stop_sequences',
    'tools', 'tool_choice', 'output_config', 'metadata', 'stream'], 'body');
  must(Number.isInteger(body.max_tokens) && body.max_tokens > 0, 'max_tokens');
  must(Array.isArray(body.messages) && body.messages.length > 0, 'messages');
  let last = null;
  let open = new Set();
  for (const message of body.messages) {
    known(message, ['role', 'content'], 'message');
    must(['user', 'assistant'].includes(message.role) && message.role !== last, `${message.role} after ${last}`);
    last = message.role;
    const blocks = isText(message.content) ? [{ type: 'text', text: message.content }] : message.content;
    must(blocks.length > 0, 'empty content');
    const results = blocks.filter((block) => block.type === 'tool_result');
    must(blocks.slice(0, results.length).every((block) => block.type === 'tool_result'), 'results come first');
    if (message.role === 'user') {
      for (const result of results) must(open.delete(result.tool_use_id), `result ${result.tool_use_id} answers no call`);
      must(open.size === 0, 'a call is not answered');
    } else {
      must(results.length === 0, 'a result by the assistant');
    }
    for (const block of blocks) claudeBlock(block, message.role, open);
  }
  for (const tool of body.tools ?? []) {
    known(tool, ['name', 'description', 'input_schema', 'strict'], 'tool');
    must(tool.input_schema.type === 'object', 'input_schema');
  }
  must(!('tool_choice' in body) || body.tools?.length > 0, 'tool_choice without tools');
  must(!('temperature' in body) || (body.temperature >= 0 && body.temperature <= 1), 'temperature');
  if (body.thinking?.type === 'enabled') {
    must(body.thinking.budget_tokens >= 1024 && body.thinking.budget_tokens < body.max_tokens, 'budget');
    must(!('top_k' in body) && (body.temperature ?? 1) === 1, 'sampling beside thinking');
  }
}
function claudeBlock(block, role, open) {
  const images = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
  switch (block.type) {
    case 'text':
      must(isText(block.text) && block.text !== '', 'empty text');
      break;
    case 'thinking':
      must(role === 'assistant' && isText(block.signature), 'thinking');
      break;
    case 'tool_use':
      must(role === 'assistant' && /^[a-zA-Z0-9_-]+$/.test(block.id) && isObject(block.input), 'tool_use');
      open.add(block.id);
      break;
    case 'tool_result':
      known(block, ['type', 'tool_use_id', 'content', 'is_error'], 'tool_result');
      for (const inner of Array.isArray(block.content) ? block.content : []) claudeBlock(inner, role, open);
      break;
    case 'image':
      must(role === 'user', 'image by the assistant');
      must(block.source.type === 'url' || images.includes(block.source.media_type), 'image type');
      break;
    case 'document':
      must(role === 'user', 'document by the assistant');
      must(block.source.type !== 'base64' || block.source.media_type === 'application/pdf', 'document type');
      break;
    default:
      throw new Error(`block ${block.type}`);
  }
}

function gemini(body) {
  known(body, ['contents', 'systemInstruction', 'tools', 'toolConfig', 'generationConfig'], 'body');
  must(Array.isArray(body.contents) && body.contents.length > 0, 'contents');
  let last = null;
  let calls = 0;
  for (const content of body.contents) {
    known(content, ['role', 'parts'], 'content');
    must(['user', 'model'].includes(content.role) && content.role !== last, `${content.role} after ${last}`);
    last = content.role;
    must(content.parts.length > 0, 'no parts');
    const answers = content.parts.filter((part) => part.functionResponse);
    if (content.role === 'user') must(answers.length === calls, 'as many responses as calls');
    calls = content.parts.filter((part) => part.functionCall).length;
    for (const part of content.parts) {
      known(part, ['text', 'thought', 'thoughtSignature', 'inlineData', 'fileData', 'functionCall', 'functionResponse'], 'part');
      const kinds = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse'].filter((name) => name in part);
      must(kinds.length === 1, 'a part says one thing');
      if (part.functionCall) must(content.role === 'model' && isText(part.functionCall.name) && isObject(part.functionCall.args), 'call');
      if (part.functionResponse) must(isText(part.functionResponse.name) && isObject(part.functionResponse.response), 'response');
      if (part.inlineData) must(/^\w+\/[\w.+-]+$/.test(part.inlineData.mimeType) && isText(part.inlineData.data), 'inlineData');
    }
  }
  for (const tool of body.tools ?? []) {
    for (const one of tool.functionDeclarations) known(one, ['name', 'description', 'parametersJsonSchema'], 'function');
  }
  const names = body.toolConfig?.functionCallingConfig.allowedFunctionNames;
  must(names === undefined || ['ANY', 'VALIDATED'].includes(body.toolConfig.functionCallingConfig.mode), 'names need ANY');
  known(body.generationConfig ?? {}, ['temperature', 'topP', 'topK', 'seed', 'presencePenalty', 'frequencyPenalty',
    'stopSequences', 'maxOutputTokens', 'candidateCount', 'responseLogprobs', 'logprobs', 'responseMimeType',
    'responseJsonSchema', 'thinkingConfig'], 'generationConfig');
}

function ollama(body) {
  known(body, ['model', 'messages', 'tools', 'format', 'think', 'stream', 'options', 'logprobs', 'top_logprobs'], 'body');
  must(typeof body.stream === 'boolean', 'stream');
  for (const message of body.messages) {
    known(message, ['role', 'content', 'thinking', 'images', 'tool_calls', 'tool_name', 'tool_call_id'], 'message');
    must(['system', 'user', 'assistant', 'tool'].includes(message.role) && isText(message.content), 'message');
    for (const image of message.images ?? []) must(/^[A-Za-z0-9+/]+=*$/.test(image), 'image');
    for (const one of message.tool_calls ?? []) must(isText(one.function.name) && isObject(one.function.arguments), 'call');
  }
  known(body.options ?? {}, ['temperature', 'top_p', 'top_k', 'seed', 'presence_penalty', 'frequency_penalty', 'stop', 'num_predict'], 'options');
}

module.exports = { 'openai-chat': chat, 'openai-responses': responses, claude, gemini, ollama };
