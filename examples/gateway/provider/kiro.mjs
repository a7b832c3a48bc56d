// Kiro, as its clients ask and its service answers: a stream only, no end mark, reasoning inside the text.
import { fragments } from './answer.mjs';
import { event, exception } from './eventstream.mjs';
import { any, array, conversation, each, fields, filled, object, schema, string, turn } from './shape.mjs';

export const streamType = 'application/vnd.amazon.eventstream';

function tool(value, at) {
  const spec = fields(fields(value, at, { toolSpecification: object }).toolSpecification, `${at}.toolSpecification`, {
    name: filled,
    description: string,
    inputSchema: object,
  });
  return { name: spec.name, schema: schema(spec.inputSchema.json, `${at}.toolSpecification.inputSchema.json`) };
}
function result(value, at) {
  fields(value, at, { toolUseId: filled, content: array, status: string });
  return {
    id: value.toolUseId,
    text: value.content
      .map((part, index) => part.text ?? JSON.stringify(object(part.json, `${at}.content.${index}`)))
      .join(''),
  };
}
function said(value, at) {
  fields(value, at, {
    content: string,
    modelId: string,
    origin: string,
    images: array,
    userInputMessageContext: object,
  });
  const context = fields(value.userInputMessageContext ?? {}, `${at}.userInputMessageContext`, {
    tools: array,
    toolResults: array,
  });
  const message = {
    ...turn('user'),
    text: value.content,
    images: value.images?.length ?? 0,
    tools: each(tool)(context.tools ?? [], `${at}.tools`),
  };
  return { ...message, results: each(result)(context.toolResults ?? [], `${at}.toolResults`) };
}
function answered(value, at) {
  fields(value, at, { content: string, toolUses: array, messageId: string });
  const calls = (value.toolUses ?? []).map((call, index) => {
    fields(call, `${at}.toolUses.${index}`, { toolUseId: filled, name: filled, input: object });
    return { id: call.toolUseId, name: call.name };
  });
  return { ...turn('assistant'), text: filled(value.content, `${at}.content`), calls };
}
function past(value, at) {
  fields(value, at, { userInputMessage: object, assistantResponseMessage: object });
  if (value.userInputMessage) return said(value.userInputMessage, `${at}.userInputMessage`);
  return answered(
    object(value.assistantResponseMessage, `${at}.assistantResponseMessage`),
    `${at}.assistantResponseMessage`,
  );
}

export function read(body) {
  const state = fields(
    fields(body, '', { conversationState: object, profileArn: string }).conversationState,
    'conversationState',
    {
      chatTriggerType: string,
      conversationId: filled,
      agentTaskType: string,
      agentContinuationId: string,
      currentMessage: object,
      history: array,
      customizationArn: any,
    },
  );
  const at = 'conversationState.currentMessage.userInputMessage';
  const current = said(object(state.currentMessage.userInputMessage, at), at);
  const turns = [...each(past)(state.history ?? [], 'conversationState.history'), current];
  conversation(turns, { alternate: true });
  // What the service has no field for stands in tags at the head of the first message.
  let system = '';
  let thinking = false;
  turns[0].text = turns[0].text.replace(
    /^<system_prompt>\n([^]*?)\n<\/system_prompt>\n\n/,
    (all, found) => ((system = found), ''),
  );
  turns[0].text = turns[0].text.replace(/^<thinking_mode>enabled<\/thinking_mode>\n\n/, () => ((thinking = true), ''));
  return {
    model: filled(state.currentMessage.userInputMessage.modelId, `${at}.modelId`),
    stream: true,
    system,
    turns,
    tools: current.tools,
    reasoning: thinking,
  };
}

export function* frames(request, answer) {
  const say = (content) => event('assistantResponseEvent', { content });
  if (answer.reasoning.length > 0) {
    yield say('<thinking>');
    for (const token of answer.reasoning) yield say(token);
    yield say('</thinking>\n\n');
  }
  for (const token of answer.text) yield say(token);
  for (const call of answer.calls) {
    yield event('toolUseEvent', { name: call.name, toolUseId: `tooluse_${call.id}` });
    for (const input of fragments(call)) yield event('toolUseEvent', { input });
    yield event('toolUseEvent', { stop: true });
  }
  yield event('contextUsageEvent', { contextUsagePercentage: 1.5 });
}
export const errorBody = (status, message) => ({ message });
export const errorFrame = (message) => exception('throttlingException', message);
