// One folder's life: children accept and deliver, and are killed with SIGKILL, so many times; then what is on disk is read
// and drained, and all that was acknowledged is looked for.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { random } from './random.mjs';

const program = fileURLToPath(new URL('child.mjs', import.meta.url));
/** Items that a child brings at most. */
const MOST = 400;
/** From a child's first acknowledgement to its end, at most. */
const LIFE_MS = 60;
const LIMIT_MS = 120_000;

/** Starts a child; `lines` is what it wrote to its pipe when `ended`, and `first` settles with its first line. */
function start(settings, log) {
  const handed = openSync(log, 'a');
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'pipe', 'pipe', handed] });
  closeSync(handed);
  let [text, complaint] = ['', ''];
  let isFirst;
  const first = new Promise((resolve) => (isFirst = resolve));
  child.stdio[3].on('data', (chunk) => {
    text += chunk;
    isFirst();
  });
  child.stderr.on('data', (chunk) => (complaint += chunk));
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const ended = new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      isFirst();
      // a number that was cut off is none
      const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter(Boolean).map(Number);
      resolve({ lines, code, signal, complaint });
    });
  });
  return { child, first, ended };
}

async function finish(settings, log) {
  const { ended } = start(settings, log);
  const { lines, code, signal, complaint } = await ended;
  if (code !== 0) throw new Error(`${settings.role} ended with ${signal ?? code}: ${complaint}`);
  return lines;
}

/** Kills children of `processes` over one folder so many times; returns what came of it. */
export async function torture({ kills, processes, fsync, seed, acknowledgesEarly = false }) {
  const draw = random(seed);
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-torture-'));
  const log = path.join(folder, 'handed');
  const shared = { folder: path.join(folder, 'log'), fsync, acknowledgesEarly };
  const acknowledged = [];
  let left = kills;
  let births = 0;
  /** One place of the folder's processes: a child after the other. */
  async function place() {
    while (left > 0) {
      left -= 1;
      const born = births++;
      const { child, first, ended } = start({ ...shared, role: 'live', seed: Math.floor(draw() * 2 ** 32), first: born * MOST, most: MOST }, log);
      await first;
      await sleep(draw() * LIFE_MS);
      child.kill('SIGKILL');
      const { lines, code, signal, complaint } = await ended;
      if (signal !== 'SIGKILL') throw new Error(`a child ended with ${signal ?? code}: ${complaint}`);
      acknowledged.push(...lines);
    }
  }
  try {
    await Promise.all(Array.from({ length: processes }, place));
    const kept = await finish({ ...shared, role: 'read', seed: 1 }, log);
    const before = told(log);
    await finish({ ...shared, role: 'drain', seed: 1 }, log);
    return judge(acknowledged, kept, before, told(log), processes);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the handlers said: items by the order of their hand-over, and those they were done with. */
function told(log) {
  const [handed, done] = [[], []];
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (line.startsWith('h ')) handed.push(Number(line.slice(2)));
    else if (line.startsWith('d ')) done.push(Number(line.slice(2)));
  }
  return { handed, done };
}

function judge(acknowledged, kept, before, after, processes) {
  const safe = new Set([...before.done, ...kept]);
  const delivered = new Set(after.done);
  return {
    acknowledged: acknowledged.length,
    kept: kept.length,
    delivered: delivered.size,
    duplicates: after.done.length - delivered.size,
    // neither delivered nor on disk, or on disk and not delivered by the one that drained it
    lost: acknowledged.filter((n) => !safe.has(n) || !delivered.has(n)).length,
    disorder: disorder(after.handed, processes),
  };
}

/** First hand-overs that came after one of a later item: of any when there is one process, else of the same child's. */
function disorder(handed, processes) {
  const seen = new Set();
  const last = new Map();
  let count = 0;
  for (const n of handed) {
    if (seen.has(n)) continue;
    seen.add(n);
    const line = processes === 1 ? 0 : Math.floor(n / MOST);
    if (n < (last.get(line) ?? -1)) count += 1;
    else last.set(line, n);
  }
  return count;
}
