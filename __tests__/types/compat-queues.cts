// Compiled, never run: a strict CommonJS module in TypeScript.
import compat = require('sluice/compat');
import { BatchProcessor } from 'sluice/compat/batch-processor';
import { LocalBufferQueue } from 'sluice/compat/local-buffer-queue';
import { QstashQueue } from 'sluice/compat/qstash-queue';

export const all: [QstashQueue, LocalBufferQueue<string>, BatchProcessor] = [new compat.QstashQueue(), new compat.LocalBufferQueue<string>(), new compat.BatchProcessor()];
