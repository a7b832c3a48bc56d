// Google generateContent, as the service reads and writes it.
import {
  any,
  array,
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

function part(value, at, message) {
  fields(value, at, {
    text: string,
    thought: any,
    thoughtSignature: string,
    inlineData: object,
    fileData: object,
    functionCall: object,
    functionResponse: object,
  });
  if (value.text !== undefined) message.text += value.thought ? '' : value.text;
  else if (value.inlineData) {
    filled(value.inlineData.mimeType, `${at}.inlineData.mimeType`);
    filled(value.inlineData.data, `${at}.inlineData.data`);
    message.images += 1;
  } else if (value.fileData) {
    filled(value.fileData.fileUri, `${at}.fileData.fileUri`);
    message.images += 1;
  } else if (value.functionCall) {
    const name = filled(value.functionCall.name, `${at}.functionCall.name`);
    if (value.functionCall.args !== undefined) object(value.functionCall.args, `${at}.functionCall.args`);
    message.calls.push({ id: name, name });
  } else if (value.functionResponse) {
    const name = filled(value.functionResponse.name, `${at}.functionResponse.name`);
    const response = object(value.functionResponse.response, `${at}.functionResponse.response`);
    const said = response.output ?? response.result ?? response.content ?? response;
    message.results.push({ id: name, text: typeof said === 'string' ? said : JSON.stringify(said) });
  } else if (!value.thoughtSignature) {
    throw new Invalid(at, "required oneof field 'data' must have one initialized field");
  }
}
function content(value, at) {
  fields(value, at, { role: any, parts: array });
  const result = turn(
    oneOf(value.role ?? 'user', `${at}.role`, ['user', 'model', 'function']) === 'model' ? 'assistant' : 'user',
  );
  if (array(value.parts, `${at}.parts`).length === 0) throw new Invalid(`${at}.parts`, 'must not be empty');
  value.parts.forEach((one, index) => part(one, `${at}.parts.${index}`, result));
  return result;
}
function declaration(value, at) {
  fields(value, at, {
    name: filled,
    description: string,
    parameters: schema,
    parametersJsonSchema: schema,
    response: any,
    responseJsonSchema: any,
    behavior: any,
  });
  return { name: filled(value.name, `${at}.name`), schema: value.parameters ?? value.parametersJsonSchema };
}
function choice(config) {
  const calling = config?.functionCallingConfig;
  if (!calling?.mode) return 'auto';
  const mode = oneOf(calling.mode, 'toolConfig.functionCallingConfig.mode', ['AUTO', 'ANY', 'NONE', 'VALIDATED']);
  if (mode !== 'ANY') return mode === 'NONE' ? 'none' : 'auto';
  return calling.allowedFunctionNames?.length === 1 ? { name: calling.allowedFunctionNames[0] } : 'required';
}
const generationConfig = (value, at) =>
  fields(value, at, {
    temperature: (one, here) => number(one, here, 0, 2),
    topP: (one, here) => number(one, here, 0, 1),
    topK: number,
    maxOutputTokens: (one, here) => integer(one, here, 1),
    stopSequences: each(filled),
    candidateCount: integer,
    seed: integer,
    responseMimeType: string,
    responseSchema: object,
    responseJsonSchema: object,
    presencePenalty: number,
    frequencyPenalty: number,
    responseLogprobs: any,
    logprobs: any,
    responseModalities: array,
    thinkingConfig: (one, here) =>
      fields(one, here, { includeThoughts: any, thinkingBudget: integer, thinkingLevel: string }),
  });

export function read(body, { model, stream }) {
  fields(body, '', {
    contents: array,
    systemInstruction: object,
    generationConfig,
    tools: array,
    toolConfig: object,
    safetySettings: array,
    cachedContent: string,
    labels: object,
  });
  const config = body.generationConfig ?? {};
  const thinking = config.thinkingConfig;
  const tools = (body.tools ?? []).flatMap((tool, index) => {
    fields(tool, `tools.${index}`, { functionDeclarations: array });
    return each(declaration)(tool.functionDeclarations, `tools.${index}.functionDeclarations`);
  });
  return {
    model,
    stream,
    system: (body.systemInstruction?.parts ?? [])
      .map((one, index) => string(one.text, `systemInstruction.parts.${index}.text`))
      .join(''),
    turns: conversation(each(content)(body.contents, 'contents')),
    tools,
    choice: choice(body.toolConfig),
    maxTokens: config.maxOutputTokens,
    reasoning: Boolean(thinking) && (thinking.includeThoughts === true || thinking.thinkingBudget > 0),
  };
}

const usageOf = ({ usage }) => ({
  promptTokenCount: usage.input,
  candidatesTokenCount: usage.output - usage.reasoning,
  totalTokenCount: usage.input + usage.output,
  cachedContentTokenCount: usage.cached,
  thoughtsTokenCount: usage.reasoning,
});
const chunk = (request, answer, parts, finish) => ({
  candidates: [{ content: { parts, role: 'model' }, ...(finish ? { finishReason: finish } : {}), index: 0 }],
  usageMetadata: usageOf(answer),
  modelVersion: request.model,
  responseId: answer.id,
});
const finishOf = (answer) => (answer.finish === 'length' ? 'MAX_TOKENS' : 'STOP');
const callPart = (call) => ({ functionCall: { name: call.name, args: call.arguments } });

export function whole(request, answer) {
  const parts = [{ text: answer.text.join('') }, ...answer.calls.map(callPart)];
  if (answer.reasoning.length > 0) parts.unshift({ text: answer.reasoning.join(''), thought: true });
  return chunk(request, answer, parts, finishOf(answer));
}
export function* frames(request, answer) {
  const event = (parts, finish) => `data: ${JSON.stringify(chunk(request, answer, parts, finish))}\r\n\r\n`;
  for (const text of answer.reasoning) yield event([{ text, thought: true }]);
  for (const text of answer.text) yield event([{ text }]);
  if (answer.calls.length > 0) yield event(answer.calls.map(callPart));
  yield event([{ text: '' }], finishOf(answer));
}

const names = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
};
export const errorBody = (status, message) => ({
  error: { code: status, message, status: names[status] ?? 'INTERNAL' },
});
export const errorFrame = (message) => `data: ${JSON.stringify(errorBody(503, message))}\r\n\r\n`;
