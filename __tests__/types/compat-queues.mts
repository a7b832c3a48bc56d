// Compiled, never run: a strict ES module that uses the queues' drop-ins as a service would.
import { BatchProcessor, LocalBufferQueue, QstashQueue } from 'sluice/compat';
import type { Accepted, BatchProcessorConfig, DeadLetterStore, Delivered, LocalMessage, Published, QstashClient, QstashQueueOptions, QueuedTask, Repeated } from 'sluice/compat';
import { QstashQueue as Same } from 'sluice/compat/qstash-queue';

export async function publishing(client: QstashClient, store: DeadLetterStore): Promise<string> {
  const options: QstashQueueOptions = { batchSize: 5, batchTimeout: 50, client, deadLetterStore: store, logger: console, redis: 'redis://localhost', webhookUrl: 'ignored' };
  const queue: Same = new QstashQueue(options);
  await queue.initialize();
  const delivered: Delivered | Repeated = await queue.publish('https://example.org', { id: 1 }, { wait: true, idempotencyKey: 'k', delay: '5m' });
  const published: Published = await queue.publish('https://example.org', { id: 1 });
  const accepted: Accepted | undefined = 'queued' in published ? published : undefined;
  const [settled] = await queue.batchPublish([{ topic: 't', message: 1, options: { retries: 1 } }], { wait: true });
  const tasks: QueuedTask[] = queue.buffer;
  tasks.push({ topic: 't', message: 'by hand' });
  queue.batchSize = queue.getBufferStatus().size + queue.clearBuffer() + 1;
  queue.client = null;
  queue.now = () => 0;
  const letter = (await queue.getDeadLetterQueue())[0];
  if (letter !== undefined) await queue.retryDeadLetterMessage(letter.id);
  const { delivered: count } = await queue.close();
  return `${delivered.messageId}${accepted?.id}${settled?.status}${count}${queue.getMetrics().savedCalls}`;
}
// @ts-expect-error a size is a number
new QstashQueue({ batchSize: '5' });

interface Job { id: number }
export async function working(): Promise<LocalMessage<Job>[]> {
  const queue = new LocalBufferQueue<Job>({ persistencePath: './data/local-queue.json', maxSize: 10, maxRetries: 1, flushInterval: 5000 });
  await queue.init();
  const stored: true = await queue.enqueue({ id: 1 });
  for (const { id, data, retryCount } of await queue.dequeueBatch(10)) {
    if (data.id > retryCount) await queue.retryFailed(id);
    else console.log(queue.removeMessage(id), stored);
  }
  // @ts-expect-error a job has an id
  await queue.enqueue({ name: 'x' });
  return queue.getExceededRetryMessages(2);
}

export async function batching(config: BatchProcessorConfig): Promise<number> {
  const lengths = new BatchProcessor<string, number>({ ...config, name: 'mine' }, async (items) => items.map((item) => item.length));
  class Each extends BatchProcessor<string, number> {
    override async processBatchItem(item: string): Promise<number> {
      return item.length;
    }
  }
  // @ts-expect-error an item is a string
  await lengths.add(5);
  return (await lengths.add('a')) + (await new Each().add('b'));
}
