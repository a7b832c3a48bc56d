// Checks that the provider makes on requests, as strict as the services are: what they refuse, it refuses.

/** A request that the dialect does not allow. */
export class Invalid extends Error {
  constructor(at, problem, status = 400) {
    super(at === '' ? problem : `${at}: ${problem}`);
    this.at = at;
    this.status = status;
  }
}

const kind = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
function expected(type, value, at) {
  if (kind(value) !== type)
    throw new Invalid(at, value === undefined ? 'Field required' : `expected ${type}, got ${kind(value)}`);
  return value;
}
export const object = (value, at) => expected('object', value, at);
export const array = (value, at) => expected('array', value, at);
export const string = (value, at) => expected('string', value, at);
export const boolean = (value, at) => expected('boolean', value, at);

export function filled(value, at) {
  if (string(value, at).length === 0) throw new Invalid(at, 'must not be empty');
  return value;
}
export function number(value, at, min = -Infinity, max = Infinity) {
  expected('number', value, at);
  if (value < min || value > max) throw new Invalid(at, `must be from ${min} to ${max}, got ${value}`);
  return value;
}
export function integer(value, at, min = 0, max = Number.MAX_SAFE_INTEGER) {
  if (!Number.isInteger(number(value, at, min, max))) throw new Invalid(at, `must be a whole number, got ${value}`);
  return value;
}
export function oneOf(value, at, known) {
  if (!known.includes(value)) throw new Invalid(at, `must be one of ${known.join(', ')}; got ${JSON.stringify(value)}`);
  return value;
}
/** Checks the fields that are there, refuses those that the dialect does not know. `null` counts as absent. */
export function fields(value, at, checks) {
  object(value, at);
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(checks, name))
      throw new Invalid(at === '' ? name : `${at}.${name}`, 'Extra inputs are not permitted');
    if (value[name] !== null && checks[name]) checks[name](value[name], at === '' ? name : `${at}.${name}`);
  }
  return value;
}
export const each = (check) => (value, at) => array(value, at).map((item, index) => check(item, `${at}.${index}`));
/** Anything: a field that the dialect knows and the provider does not look into. */
export const any = null;

/** A JSON schema of a tool: an object, with its properties as objects. */
export function schema(value, at) {
  object(value, at);
  if (typeof value.type !== 'string' || value.type.toLowerCase() !== 'object')
    throw new Invalid(`${at}.type`, 'must be object');
  if (value.properties !== undefined) object(value.properties, `${at}.properties`);
  return value;
}
/** The JSON object inside a string, as tool arguments come in the OpenAI dialects. */
export function jsonObject(text, at) {
  try {
    return object(JSON.parse(string(text, at)), at);
  } catch (error) {
    throw error instanceof Invalid ? error : new Invalid(at, 'is not JSON');
  }
}

/**
 * What all chat services check on a conversation: results answer calls of the assistant turn right before them, and
 * every call is answered. `turns` are `{ role, text, calls: [{ id, name }], results: [{ id, text }] }`.
 */
export function conversation(turns, { alternate = false } = {}) {
  if (turns.length === 0) throw new Invalid('messages', 'at least one message is required');
  let open = [];
  turns.forEach((turn, index) => {
    const at = `messages.${index}`;
    if (alternate && turns[index - 1]?.role === turn.role)
      throw new Invalid(at, 'roles must alternate between user and assistant');
    for (const { id } of turn.results) {
      const found = open.findIndex((call) => call.id === id);
      if (found < 0)
        throw new Invalid(at, `the result for ${JSON.stringify(id)} answers no call of the message before it`);
      open.splice(found, 1);
    }
    // Results of one assistant turn may come in several messages; whatever else follows needs all of them.
    if (open.length > 0 && (turn.results.length === 0 || alternate))
      throw new Invalid(at, `no result for the call ${JSON.stringify(open[0].id)}`);
    if (turn.role === 'assistant') open = [...turn.calls];
  });
  if (open.length > 0) throw new Invalid('messages', `no result for the call ${JSON.stringify(open[0].id)}`);
  return turns;
}
/** An empty turn. */
export const turn = (role) => ({ role, text: '', images: 0, calls: [], results: [] });
