// What the offline provider answers: a function of the request and nothing else, so that whoever knows the request
// knows the answer, and two streams that were mixed up cannot both be right.
//
// The prompt steers it: "30 words" sets the length, "call get_weather" calls that tool when the request offers it.

const words = [
  'river',
  'naïve',
  '"quoted"',
  'back\\slash',
  '日本語',
  '🦊🌲',
  'tab\tstop',
  'line\nbreak',
  '</b>',
  'data: x',
  'Ünïcode',
  '{"a":[1]}',
  'plain',
  'two  blanks',
  'ﬁn',
  '\u2028',
  '𝒳',
  "it's",
  '100%',
  'e\u0301',
];

/** FNV-1a, 32 bits. */
export function hash(text) {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return value;
}

/** Arguments that fit a tool's JSON schema and tell which prompt they came from. */
export function argumentsFor(schema, prompt, name = 'input', depth = 0) {
  if (schema?.enum?.length > 0) return schema.enum[hash(prompt) % schema.enum.length];
  const type = Array.isArray(schema?.type) ? schema.type.find((one) => one !== 'null') : schema?.type;
  switch (String(type ?? '').toLowerCase()) {
    case 'object': {
      if (depth > 8) return {};
      const members = Object.entries(schema.properties ?? {});
      return Object.fromEntries(members.map(([key, value]) => [key, argumentsFor(value, prompt, key, depth + 1)]));
    }
    case 'array':
      return depth > 8 ? [] : [argumentsFor(schema.items, prompt, name, depth + 1)];
    case 'integer':
      return hash(prompt + name) % 1000;
    case 'number':
      return (hash(prompt + name) % 1000) / 8;
    case 'boolean':
      return hash(prompt + name) % 2 === 1;
    default:
      return `${name} of ${prompt}`;
  }
}

function callsFor({ tools = [], choice = 'auto' }, last) {
  if (tools.length === 0 || choice === 'none' || last.results.length > 0) return [];
  const named = [...last.text.matchAll(/\bcall (\w+)/g)]
    .map(([, name]) => tools.find((tool) => tool.name === name))
    .filter(Boolean);
  if (typeof choice === 'object')
    return named
      .filter((tool) => tool.name === choice.name)
      .slice(0, 1)
      .concat(tools.filter((tool) => tool.name === choice.name))
      .slice(0, 1);
  return named.length === 0 && choice === 'required' ? [tools[0]] : named;
}

/**
 * The answer to a request as the dialects' readers give it: `{ system, turns, tools, choice, maxTokens, reasoning }`.
 * `text` and `reasoning` are lists of tokens.
 */
export function answer({ system = '', turns, maxTokens = Infinity, reasoning = false, ...request }) {
  const last = turns[turns.length - 1];
  const prompt = last.results.length > 0 ? last.results.map((result) => result.text).join('; ') : last.text;
  const seed = hash(`${system}\n${prompt}`);
  const tools = callsFor(request, last);
  const calls = tools.map((tool, index) => ({
    id: `${seed.toString(16)}${index}`,
    name: tool.name,
    arguments: argumentsFor(tool.schema, prompt),
  }));

  let text = [system === '' ? '' : `(${system}) `, last.results.length > 0 ? 'The tools said: ' : 'You said: ', prompt];
  if (last.images > 0) text.push(` with ${last.images} image(s)`);
  const count = calls.length > 0 ? 3 : Number(/(\d+) words/.exec(prompt)?.[1] ?? 24);
  for (let at = 0; at < count; at += 1) text.push(` ${words[(seed + at * 7) % words.length]}${(seed + at) % 997}`);
  text = text.filter((token) => token !== '');

  const cut = text.length > maxTokens;
  const thoughts = reasoning ? ['Let me', ' think about ', prompt, ' — ', words[seed % words.length], '.'] : [];
  const output = cut ? maxTokens : text.length;
  return {
    text: cut ? text.slice(0, maxTokens) : text,
    reasoning: thoughts,
    calls: cut ? [] : calls,
    finish: cut ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop',
    usage: { input: 10 + (seed % 90), cached: 4, output: output + thoughts.length, reasoning: thoughts.length },
    id: seed.toString(16).padStart(8, '0'),
  };
}

/** A call's arguments as the pieces in which services stream them. */
export function fragments(call) {
  const text = JSON.stringify(call.arguments);
  const pieces = [];
  for (let at = 0; at < text.length; at += 7) pieces.push(text.slice(at, at + 7));
  return pieces;
}
