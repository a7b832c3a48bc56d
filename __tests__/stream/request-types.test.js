'use strict';
// The types that the providers' own clients accept, asked of the compiler: a body that a client could not have sent is
// an error here. Type-checked as object literals, so unknown fields are errors, too.
const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');
const { convertRequest } = require('../..');

const root = path.join(__dirname, '..', '..');
const schema = { type: 'object', properties: { city: { type: 'string' } } };
const png = 'data:image/png;base64,iVBORw0KGgo=';
const chat = {
  model: 'm', max_tokens: 30000, reasoning_effort: 'low', user: 'u', stop: ['END'], stream: false, parallel_tool_calls: false,
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema, strict: true } },
  messages: [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'image_url', image_url: { url: png } }, { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } }] },
    { role: 'assistant', content: 'b', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }] },
    { role: 'tool', tool_call_id: 'a', content: 'c' },
    { role: 'user', content: 'd' },
  ],
  tools: [{ type: 'function', function: { name: 'f', description: 'does', parameters: schema } }],
};
const claude = () => JSON.parse(convertRequest(chat, { from: 'openai-chat', to: 'claude' }));

// dialect, the type and where it comes from, the body
const bodies = [
  ['claude', 'MessageCreateParams', '@anthropic-ai/sdk/resources/messages', () => claude()],
  ['openai-chat', 'ChatCompletionCreateParams', 'openai/resources/chat/completions', () => JSON.parse(convertRequest(claude(), { from: 'claude', to: 'openai-chat' }))],
  ['openai-responses', 'ResponseCreateParams', 'openai/resources/responses/responses', () => JSON.parse(convertRequest(chat, { from: 'openai-chat', to: 'openai-responses', lossy: true }))],
  ['gemini', '{ contents: Content[]; systemInstruction?: Content; tools?: Tool[]; generationConfig?: GenerationConfig }', '@google/genai',
    () => JSON.parse(convertRequest(chat, { from: 'openai-chat', to: 'gemini', lossy: true }))],
];

function diagnostics(lines) {
  const file = path.join(root, '__tests__', 'stream', 'request-types.virtual.ts');
  const options = { noEmit: true, strict: true, skipLibCheck: true, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022, types: ['node'] };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  const text = lines.join('\n');
  host.getSourceFile = (name, ...rest) => (name === file ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022) : getSourceFile.call(host, name, ...rest));
  host.fileExists = (name) => name === file || fileExists.call(host, name);
  host.readFile = (name) => (name === file ? text : readFile.call(host, name));
  const program = ts.createProgram([file], options, host);
  const source = program.getSourceFile(file);
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((one) => {
    const { line } = ts.getLineAndCharacterOfPosition(source, one.start);
    return { line, text: ts.flattenDiagnosticMessageText(one.messageText, '\n') };
  });
}

test('what comes out is what the providers\' clients would send', () => {
  expect(fs.existsSync(path.join(root, 'node_modules', 'openai'))).toBe(true);
  const lines = [];
  for (const [, type, from] of bodies) {
    const names = type.startsWith('{') ? 'Content, Tool, GenerationConfig' : type;
    lines.push(`import type { ${names} } from '${from}';`);
  }
  bodies.forEach(([, type, , make], number) => lines.push(`export const body${number}: ${type} = ${JSON.stringify(make())};`));
  lines.push('export const wrong: MessageCreateParams = { "model": "m", "max_tokens": 1, "messages": [], "made_up": 1 };');
  const found = diagnostics(lines);
  expect(found.filter(({ line }) => line < lines.length - 1)).toEqual([]);
  expect(found.map(({ line }) => line)).toEqual([lines.length - 1]); // the compiler does look
});
