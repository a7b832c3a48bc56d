// Usage records: a line of JSON for each answered request in `usage.ndjson`, by way of a durable buffer. A record is on
// disk before the last byte of its answer leaves, and becomes exactly one line even when the gateway is killed between
// writing the line and noting that it was written.
import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchBuffer } from 'sluice';

const CHUNK = 256 * 1024;
const NEWLINE = 0x0a;

/** The request ids in a file from that offset on. Lines that are none, as a torn one, are passed over. */
async function idsFrom(file, offset) {
  const ids = new Set();
  const note = (line) => {
    try {
      const { id } = JSON.parse(line);
      if (typeof id === 'string') ids.add(id);
    } catch {
      /* torn by a power cut or a full disk */
    }
  };
  const chunk = Buffer.allocUnsafe(CHUNK);
  let rest = Buffer.alloc(0);
  for (let at = offset; ; ) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    const end = rest.lastIndexOf(NEWLINE) + 1;
    for (const line of rest.toString('utf8', 0, end).split('\n')) note(line);
    rest = rest.subarray(end);
  }
  note(rest.toString());
  return ids;
}

async function endsInLine(file, size) {
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - 1);
  return last[0] === NEWLINE;
}

/** Syncs a file, or the names in a folder. */
function sync(path, flags) {
  const file = openSync(path, flags);
  fsyncSync(file);
  closeSync(file);
}

/** Records in `dir`; several gateways may share it. `log` hears of what goes wrong. */
export function createUsage({ dir, log = () => {} }) {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'usage.ndjson');
  sync(path, 'a');
  // Windows has no such thing
  if (process.platform !== 'win32') sync(dir, 'r');
  // what this process has accepted and not written: any other record was another's, which may have written it
  const own = new Set();
  const counts = { lines: 0, repeats: 0, lost: 0 };
  // the file only grows, so the line of a record that is accepted now will be behind this
  let { size } = statSync(path);

  /** One write and one sync for all of them. */
  async function append(items, { attempt }) {
    let file;
    try {
      file = await open(path, 'a+');
      const { size: before } = await file.stat();
      let fresh = items;
      if (attempt > 1 || items.some(({ record }) => !own.has(record.id))) {
        const from = Math.min(...items.map(({ offset }) => offset));
        // a shorter file is another one, perhaps after a rotation
        const written = await idsFrom(file, from <= before ? from : 0);
        fresh = items.filter(({ record }) => !written.has(record.id));
        counts.repeats += items.length - fresh.length;
      }
      if (fresh.length > 0) {
        const lines = fresh.map(({ record }) => `${JSON.stringify(record)}\n`).join('');
        // what was torn stays a line of its own; it may be one that another gateway is just writing
        const bytes = Buffer.from((await endsInLine(file, before)) ? lines : `\n${lines}`);
        const { bytesWritten } = await file.write(bytes);
        if (bytesWritten < bytes.length) throw new Error(`${path} took ${bytesWritten} of ${bytes.length} bytes`);
      }
      // also for lines that were found: whoever wrote them may have died before this
      await file.datasync();
      size = Math.max(size, before);
      counts.lines += fresh.length;
    } catch (error) {
      log({ usage: 'not written yet', records: items.length, attempt, error: error.message });
      throw error;
    } finally {
      await file?.close();
    }
    for (const { record } of items) own.delete(record.id);
  }

  const buffer = new BatchBuffer(append, {
    name: 'usage',
    batchSize: 1000,
    batchTimeout: 200,
    maxSize: 100_000,
    // accounting that cannot keep up does not stop the answers
    overflow: 'reject',
    retries: 1000,
    // a write cannot be called back, and two of them could write a line twice
    handlerTimeoutMs: 0,
    durable: join(dir, 'queue'),
  });
  buffer.on('degraded', (part, error) => log({ usage: `${part} is away`, error: error.message }));
  buffer.on('deadLetter', (letter) => log({ usage: 'given up', record: letter.item.record, error: letter.error }));
  buffer.recovered.then((count) => count > 0 && log({ usage: 'recovered', records: count }));

  return {
    path,
    /** Resolves when the record is on disk; never rejects: an answer is worth more than its record. */
    async record(record) {
      own.add(record.id);
      try {
        await buffer.enqueue({ offset: size, record }, { key: record.id });
      } catch (error) {
        own.delete(record.id);
        counts.lost += 1;
        log({ usage: 'lost', record, error: error.message });
      }
    },
    stats: () => ({ ...buffer.getBufferStatus(), ...buffer.getStats(), ...counts }),
    /** What `metrics()` does not know of it, for Prometheus. */
    metrics() {
      const helps = { lines: 'Lines that were written.', repeats: 'Records that were found written.', lost: 'Records that could not be accepted.' };
      return Object.entries(helps)
        .map(([name, help]) => `# HELP gateway_usage_${name}_total ${help}\n# TYPE gateway_usage_${name}_total counter\ngateway_usage_${name}_total ${counts[name]}\n`)
        .join('');
    },
    /** Writes what there is; what cannot be written in time stays on disk for the next start. */
    close: (timeoutMs = 5000) => buffer.close({ timeoutMs }),
  };
}
