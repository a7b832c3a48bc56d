// What the scripts beside this one share: the conversations that every client has with the gateway, and what the
// offline provider is known to answer. Each script prints `[{ name, problem }]` as JSON.
import assert from 'node:assert/strict';
import { answer } from '../../../examples/gateway/provider/answer.mjs';

export const [, , url, upstream] = process.argv;
export const system = 'Be “brief” & kind\nalways';
export const tools = [
  {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', description: 'its name' }, days: { type: 'integer' } },
      required: ['city', 'days'],
    },
  },
  {
    name: 'find_city',
    description: 'Finds a city',
    parameters: {
      type: 'object',
      properties: { query: { type: 'string' }, exact: { type: 'boolean' } },
      required: ['query', 'exact'],
    },
  },
];
const user = (text) => ({ role: 'user', text, images: 0, calls: [], results: [] });
const offered = tools.map(({ name, parameters }) => ({ name, schema: parameters }));
const spoken = (request) => {
  const said = answer(request);
  return {
    text: said.text.join(''),
    reasoning: said.reasoning.join(''),
    calls: said.calls.map((call) => ({ name: call.name, arguments: call.arguments })),
    usage: said.usage,
  };
};

export const prompts = {
  text: 'Say 30 words about "rivers" \\ und Flüsse 🦊',
  tool: 'Please call get_weather and then call find_city for Zürich',
  long: 'Say 50 words about limits',
  thoughts: 'Think hard about 7 words',
  result: 'It is “sunny” in Zürich',
};
export const expected = {
  text: spoken({ system, turns: [user(prompts.text)] }),
  tool: spoken({ turns: [user(prompts.tool)], tools: offered }),
  result: spoken({ turns: [{ ...user(''), results: [{ text: prompts.result }] }], tools: offered }),
  long: spoken({ turns: [user(prompts.long)], maxTokens: 20 }),
  thoughts: spoken({ turns: [user(prompts.thoughts)], reasoning: true }),
};
/** Kiro has no field for the longest answer, and does not count tokens. */
export const limits = upstream !== 'kiro';

const cases = [];
export const test = (name, run) => cases.push({ name, run });
/** Calls with their arguments parsed; their ids are the provider's or drawn, but there. */
export function sameCalls(got, wanted) {
  for (const { id } of got) assert.ok(typeof id === 'string' && id !== '', 'a call has no id');
  assert.equal(new Set(got.map((call) => call.id)).size, got.length, 'ids of calls are not distinct');
  const parsed = got.map((call) => ({
    name: call.name,
    arguments: typeof call.arguments === 'string' ? JSON.parse(call.arguments) : call.arguments,
  }));
  assert.deepEqual(parsed, wanted);
}
export async function rejected(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it should have been rejected');
}
export async function run() {
  const results = [];
  for (const { name, run: work } of cases) {
    try {
      await work();
      results.push({ name, problem: null });
    } catch (error) {
      results.push({ name, problem: `${error?.stack ?? error}`.slice(0, 1500) });
    }
  }
  process.stdout.write(JSON.stringify(results));
  process.exit(0);
}
