'use strict';
// Random requests to another dialect and back: what both can say means the same, by readers that share nothing with
// the addon. Each way is judged alone, too, and each result by its dialect's rules.
const { convertRequest } = require('../..');
const { meaning } = require('../support/request/meaning');
const rules = require('../support/request/rules');

const DIALECTS = ['openai-chat', 'openai-responses', 'claude', 'gemini', 'ollama'];
const ROUNDS = 40;

/** What of a meaning a dialect cannot say at all. */
const CANNOT = {
  'openai-chat': ['topK'],
  'openai-responses': ['topK', 'seed', 'presence', 'frequency', 'stop', 'count'],
  claude: ['seed', 'presence', 'frequency', 'count'],
  gemini: ['model', 'stream', 'user', 'parallel'],
  ollama: ['user', 'parallel', 'choice', 'count'],
};
const NO_RESULT_MEDIA = ['openai-chat'];
const NO_UNSIGNED_THOUGHTS = ['openai-responses', 'claude'];
const BASE64_IMAGES_ONLY = ['ollama'];

function seeded(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const below = (limit) => Math.floor(next() * limit);
  return { below, chance: (p) => next() < p, pick: (list) => list[below(list.length)] };
}

function request(random) {
  const { below, chance, pick } = random;
  const words = ['hi', 'a "quoted"\nline', 'é😀', '{"json":true}', '\\u0041', ' spaced ', '{"output":"x"}'];
  const messages = [];
  const media = () => pick([
    { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
    { type: 'image_url', image_url: { url: 'https://a.test/b.jpeg' } },
    { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
  ]);
  for (let count = below(3); count > 0; count -= 1) messages.push({ role: pick(['system', 'developer']), content: pick(words) });
  let id = 0;
  for (let count = 1 + below(4); count > 0; count -= 1) {
    const parts = [{ type: 'text', text: pick(words) }];
    while (chance(0.3)) parts.push(chance(0.5) ? media() : { type: 'text', text: pick(words) });
    messages.push({ role: 'user', content: parts.length === 1 && chance(0.5) ? parts[0].text : parts });
    const calls = [];
    if (chance(0.5)) for (let number = 1 + below(3); number > 0; number -= 1) calls.push({ id: `id_${(id += 1)}`, type: 'function', function: { name: pick(['f', 'g']), arguments: pick(['{}', '{"a":[1,2.5,{"b":null}]}', '{"text":"x\\n"}']) } });
    messages.push({ role: 'assistant', content: calls.length > 0 && chance(0.5) ? null : pick(words), ...(calls.length > 0 && { tool_calls: calls }), ...(chance(0.2) && { reasoning_content: 'thought' }) });
    for (const call of calls) messages.push({ role: 'tool', tool_call_id: call.id, content: pick(words) });
  }
  const body = { model: 'model', messages };
  const maybe = (name, make) => { if (chance(0.35)) body[name] = make(); };
  maybe('temperature', () => pick([0, 0.25, 1]));
  maybe('top_p', () => pick([0.95, 1]));
  maybe('seed', () => below(1000));
  maybe('presence_penalty', () => 0.5);
  maybe('frequency_penalty', () => 0.5);
  maybe('stop', () => pick(['x', ['x', 'y']]));
  maybe('max_completion_tokens', () => 21000 + below(1000));
  maybe('n', () => 2);
  maybe('stream', () => chance(0.5));
  if (!('temperature' in body)) maybe('reasoning_effort', () => pick(['none', 'low', 'medium', 'high']));
  maybe('user', () => 'user-1');
  maybe('response_format', () => pick([{ type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', properties: { type: { type: 'string' } } } } }]));
  if (chance(0.5)) {
    body.tools = ['f', 'g'].map((name) => ({ type: 'function', function: { name, description: 'does', parameters: { type: 'object', properties: { a: { type: 'array', items: {} } } } } }));
    if (!('reasoning_effort' in body)) maybe('tool_choice', () => pick(['auto', 'required', { type: 'function', function: { name: 'g' } }]));
    maybe('parallel_tool_calls', () => false);
  }
  return body;
}

/** A meaning without what one of the dialects on its way cannot say. */
function sayable(told, dialects) {
  const out = structuredClone(told);
  for (const dialect of dialects) {
    for (const name of CANNOT[dialect]) delete out[name];
    for (const turn of out.turns) {
      if (NO_UNSIGNED_THOUGHTS.includes(dialect)) delete turn.thoughts;
      if (BASE64_IMAGES_ONLY.includes(dialect) && turn.media) {
        turn.media = turn.media.filter((one) => one.mime?.startsWith('image/'));
        if (turn.media.length === 0) delete turn.media;
      }
      if (NO_RESULT_MEDIA.includes(dialect)) for (const one of turn.results ?? []) delete one.media;
    }
  }
  // what has a default that some dialect must spell out
  if (out.maxTokens === 4096) delete out.maxTokens;
  if (out.stream === false) delete out.stream;
  if (out.choice === 'auto') delete out.choice;
  if (dialects.includes('claude') && out.effort !== undefined && out.effort !== 'none') delete out.maxTokens; // may be raised
  return out;
}

const convert = (body, from, to) => {
  const out = JSON.parse(convertRequest(body, { from, to, lossy: true }));
  rules[to](out);
  return out;
};
const pairs = DIALECTS.flatMap((from) => DIALECTS.filter((to) => to !== from).map((to) => [from, to]));

test.each(pairs)('%s to %s and back', (from, to) => {
  const random = seeded(from.length * 1000 + to.length * 7 + to.charCodeAt(0));
  for (let round = 0; round < ROUNDS; round += 1) {
    const chat = request(random);
    const first = from === 'openai-chat' ? chat : convert(chat, 'openai-chat', from);
    const meant = meaning(from, first);
    expect(sayable(meant, [from, 'openai-chat'])).toEqual(sayable(meaning('openai-chat', chat), [from, 'openai-chat']));
    const there = convert(first, from, to);
    expect(sayable(meaning(to, there), [from, to])).toEqual(sayable(meant, [from, to]));
    const back = convert(there, to, from);
    expect(sayable(meaning(from, back), [from, to])).toEqual(sayable(meant, [from, to]));
  }
});

test('bytes that are cut or changed anywhere are converted or refused with a code', () => {
  const random = seeded(99);
  const codes = new Set();
  for (let round = 0; round < 1500; round += 1) {
    const from = random.pick(DIALECTS);
    const to = random.pick(DIALECTS);
    const bytes = convertRequest(request(random), { from: 'openai-chat', to: from, lossy: true });
    for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
      bytes[random.below(bytes.length)] = random.pick([0x22, 0x5b, 0x7b, 0x7d, 0x30, 0x2c, 0x6e, 0xff, 0x5c, random.below(256)]);
    }
    try {
      JSON.parse(convertRequest(bytes, { from, to, lossy: random.chance(0.5) }));
    } catch (error) {
      if (error.code === undefined) throw error;
      codes.add(error.code);
    }
  }
  expect([...codes].sort()).toEqual(['ERR_BODY_CHARSET', 'ERR_BODY_JSON', 'ERR_INVALID_OPTION', 'ERR_UNSUPPORTED']);
});
