// Compiled, never run: a strict CommonJS module in TypeScript.
import sluice = require('sluice');
import { StreamAssembler, type AssembledMessage } from 'sluice';

const assembler: sluice.StreamAssembler = new StreamAssembler({ from: 'gemini', to: 'ollama' });
export const message: AssembledMessage = assembler.message();
export const frame: Uint8Array = assembler.fail({ message: 'down', status: 503 });
export const version: string = sluice.version;
