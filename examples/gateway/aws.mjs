// The two upstream dialects that no client speaks, made from a Claude request: Bedrock's converse and Kiro's.
import { randomUUID } from 'node:crypto';
import { Failure } from './errors.mjs';

const blocksOf = (content) => (typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []));
const textOf = (content) =>
  blocksOf(content)
    .map((block) => block.text ?? '')
    .join('');
const unsupported = (what, format) => new Failure(400, `${format} cannot say ${what}`, { code: 'ERR_UNSUPPORTED' });

/** Messages with the content of neighbours of one role put together: both services insist on turns. */
function turns(messages) {
  const out = [];
  for (const { role, content } of messages) {
    if (out.at(-1)?.role === role) out.at(-1).blocks.push(...blocksOf(content));
    else out.push({ role, blocks: [...blocksOf(content)] });
  }
  return out;
}
function media({ source }, format) {
  if (source.type !== 'base64') throw unsupported('images and documents by URL', format);
  return { format: source.media_type.split('/')[1], source: { bytes: source.data } };
}

function converseBlock(block) {
  switch (block.type) {
    case 'text':
      return block.text === '' ? [] : [{ text: block.text }];
    case 'image':
      return [{ image: media(block, 'bedrock-converse') }];
    case 'document':
      return [{ document: { name: 'document', ...media(block, 'bedrock-converse') } }];
    case 'tool_use':
      return [{ toolUse: { toolUseId: block.id, name: block.name, input: block.input } }];
    case 'tool_result': {
      const content = [{ text: textOf(block.content) || '(nothing)' }];
      return [{ toolResult: { toolUseId: block.tool_use_id, content, status: block.is_error ? 'error' : 'success' } }];
    }
    case 'thinking':
      return [{ reasoningContent: { reasoningText: { text: block.thinking, signature: block.signature } } }];
    default:
      return [];
  }
}
function converseTools({ tools, tool_choice: choice }) {
  if (!tools?.length || choice?.type === 'none') return undefined;
  const toolChoice = { auto: { auto: {} }, any: { any: {} }, tool: { tool: { name: choice?.name } } }[choice?.type];
  const specs = tools.map(({ name, description, input_schema: json }) => ({
    toolSpec: { name, description: description || name, inputSchema: { json } },
  }));
  return { tools: specs, ...(toolChoice && { toolChoice }) };
}

/** A request for `converse` and `converse-stream`. */
export function converseRequest(claude) {
  const system = textOf(claude.system);
  const { thinking, top_k: topK } = claude;
  const more = { ...(thinking?.type === 'enabled' && { thinking }), ...(topK !== undefined && { top_k: topK }) };
  return {
    messages: turns(claude.messages).map(({ role, blocks }) => ({ role, content: blocks.flatMap(converseBlock) })),
    system: system === '' ? undefined : [{ text: system }],
    inferenceConfig: {
      maxTokens: claude.max_tokens,
      temperature: claude.temperature,
      topP: claude.top_p,
      stopSequences: claude.stop_sequences,
    },
    toolConfig: converseTools(claude),
    additionalModelRequestFields: Object.keys(more).length > 0 ? more : undefined,
  };
}

/** A request for Kiro, which keeps the last message apart, and has no field for a system prompt or for thinking. */
export function kiroRequest(claude, modelId) {
  const tools = claude.tool_choice?.type === 'none' ? [] : (claude.tools ?? []);
  const specs = tools.map(({ name, description, input_schema: json }) => ({
    toolSpecification: { name, description: description || name, inputSchema: { json } },
  }));
  const said = (blocks, last) => {
    const of = (type) => blocks.filter((block) => block.type === type);
    const toolResults = of('tool_result').map((block) => ({
      toolUseId: block.tool_use_id,
      content: [{ text: textOf(block.content) }],
      status: block.is_error ? 'error' : 'success',
    }));
    const context = {
      ...(last && specs.length > 0 && { tools: specs }),
      ...(toolResults.length > 0 && { toolResults }),
    };
    const images = of('image').map((block) => media(block, 'kiro'));
    return {
      content: textOf(of('text')),
      modelId,
      origin: 'AI_EDITOR',
      ...(images.length > 0 && { images }),
      userInputMessageContext: context,
    };
  };
  const answered = (blocks) => {
    const toolUses = blocks
      .filter((block) => block.type === 'tool_use')
      .map(({ id, name, input }) => ({ toolUseId: id, name, input }));
    return {
      content: textOf(blocks.filter((block) => block.type === 'text')) || '-',
      ...(toolUses.length > 0 && { toolUses }),
    };
  };
  const all = turns(claude.messages);
  const history = all.map(({ role, blocks }, index) =>
    role === 'user'
      ? { userInputMessage: said(blocks, index === all.length - 1) }
      : { assistantResponseMessage: answered(blocks) },
  );
  const first = history.find((entry) => entry.userInputMessage)?.userInputMessage;
  const currentMessage = history.pop();
  if (!currentMessage?.userInputMessage) throw unsupported('a conversation that does not end with the user', 'kiro');
  const system = textOf(claude.system);
  if (claude.thinking?.type === 'enabled') first.content = `<thinking_mode>enabled</thinking_mode>\n\n${first.content}`;
  if (system !== '') first.content = `<system_prompt>\n${system}\n</system_prompt>\n\n${first.content}`;
  return { conversationState: { chatTriggerType: 'MANUAL', conversationId: randomUUID(), currentMessage, history } };
}
