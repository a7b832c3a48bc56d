// Answers that are asked for again come from the cache: whole messages under a hash of the request, served streamed or
// whole and in any dialect, whichever way they were asked for first.
import { hashKey, renderMessage } from 'sluice';
import { betaOf, keyOf } from './routes.mjs';

const temperatureAt = (client) => (client === 'gemini' ? '/generationConfig/temperature' : '/temperature');

/** What a cached message does not hold: several answers, the odds of each token. */
const beyond = ['/n', '/logprobs', '/top_logprobs', '/generationConfig/candidateCount', '/generationConfig/responseLogprobs'];
const asksBeyond = (document) => document.getMany(beyond).some((value) => value !== undefined && value !== null && value !== false && value !== 1 && value !== 0);

const textTypes = new Set(['text', 'input_text', 'output_text']);
const only = (value, names) => typeof value === 'object' && value !== null && Object.keys(value).every((name) => names.includes(name));
/** The texts of a turn; null when there is anything else in it. */
function textsOf(content, type) {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content) || content.length === 0) return null;
  const plain = content.every((part) => only(part, ['type', 'text']) && typeof part.text === 'string' && (type === undefined ? part.type === undefined : textTypes.has(part.type)));
  return plain ? content.map(({ text }) => text) : null;
}
function turnsOf(messages, part = 'content') {
  if (typeof messages === 'string') return [['user', messages]];
  if (!Array.isArray(messages)) return null;
  const turns = messages.map((message) => {
    if (!only(message, ['role', 'type', part]) || (message.type ?? 'message') !== 'message') return null;
    const texts = textsOf(message[part], part === 'parts' ? undefined : 'text');
    // Gemini's model is everybody else's assistant, and its user need not say so.
    const role = part === 'parts' ? { model: 'assistant', undefined: 'user' }[message.role] ?? message.role : message.role;
    return texts && [role, ...texts];
  });
  return turns.every((turn) => turn !== null && ['system', 'user', 'assistant'].includes(turn[0])) ? turns : null;
}

/** Each dialect's fields of a plain request, and where its conversation, system prompt and limit are. */
const plainFields = {
  'openai-chat': {
    names: ['model', 'messages', 'stream', 'stream_options', 'temperature', 'max_tokens', 'max_completion_tokens'],
    turns: ({ messages }) => turnsOf(messages),
    limit: (body) => body.max_completion_tokens ?? body.max_tokens,
  },
  'openai-responses': {
    names: ['model', 'input', 'instructions', 'stream', 'temperature', 'max_output_tokens'],
    system: ({ instructions }) => instructions,
    turns: ({ input }) => turnsOf(input),
    limit: (body) => body.max_output_tokens,
  },
  claude: {
    names: ['model', 'messages', 'system', 'stream', 'temperature', 'max_tokens'],
    system: ({ system }) => system,
    turns: ({ messages }) => turnsOf(messages),
    limit: (body) => body.max_tokens,
  },
  gemini: {
    names: ['contents', 'systemInstruction', 'generationConfig'],
    system: ({ systemInstruction }) => systemInstruction?.parts,
    turns: ({ contents }) => turnsOf(contents, 'parts'),
    limit: (body) => body.generationConfig?.maxOutputTokens,
    temperature: (body) => body.generationConfig?.temperature,
    knows: (body) => only(body.generationConfig ?? {}, ['temperature', 'maxOutputTokens']),
  },
};

/** A request of texts alone, the same for every dialect; null for one that says anything that not all of them have. */
function plain(client, body) {
  const fields = plainFields[client];
  if (!only(body, fields.names) || fields.knows?.(body) === false) return null;
  const system = fields.system?.(body) ?? [];
  const systemTexts = system.length === 0 ? [] : textsOf(system, client === 'gemini' ? undefined : 'text');
  const turns = fields.turns(body);
  if (systemTexts === null || turns === null) return null;
  const temperature = fields.temperature ? fields.temperature(body) : body.temperature;
  return { turns: [...systemTexts.map((text) => ['system', text]), ...turns], temperature, limit: fields.limit(body) };
}

/** The answers in `cache`, of those upstreams. */
export function createAnswers({ cache, upstreams, ttl, log }) {
  const asked = upstreams.map(({ name, format, model }) => [name, format, model ?? null]);
  // Where the client's key is passed on, it also says who may have the answer.
  const perClient = upstreams.some(({ passesKey }) => passesKey);

  return {
    /** The key of a request whose answer may be cached; null for any other. */
    async keyOf(req, { client }, model, document) {
      if (cache === null || (req.headers['x-cache'] !== 'allow' && document.get(temperatureAt(client)) !== 0)) return null;
      if (asksBeyond(document)) return null;
      const body = await document.toObject();
      if (typeof body !== 'object' || body === null) return null;
      const { stream, stream_options: streamOptions, ...exact } = body;
      const request = plain(client, body) ?? { client, exact };
      return `answer:${hashKey({ asked, model, request, beta: betaOf(req), key: perClient ? keyOf(req) ?? null : null })}`;
    },

    /** What is kept under a key, as bytes for that client; null when there is nothing, or nothing that it can be told. */
    async find(key, { client, stream, signal }) {
      const message = await cache.get(key, { signal });
      if (message === null) return null;
      try {
        return { message, bytes: renderMessage(message, { to: client, stream }) };
      } catch (error) {
        log({ client, cache: 'not to be rendered', error: error.message });
        return null;
      }
    },

    /** Keeps an answer, if it is whole. Never fails: the client has it already. */
    async keep(key, message) {
      if (!message.complete || message.error || message.finishReason === 'error' || message.parts.some(({ type }) => type === 'other')) return;
      await cache.set(key, message, ttl).catch((error) => log({ cache: 'not kept', error: error.message }));
    },
  };
}
