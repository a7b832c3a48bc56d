// What a step has left running: processes of its session, which is the step's own (`detached`).
import { readFileSync, readdirSync } from 'node:fs';

/** Processes on their way out get this long. */
const GRACE_MS = 5000;

/** The session of a process and what it was started as; undefined when it is gone, or ended and not waited for. */
function look(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    return { session: Number(session), line: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() };
  } catch {
    return undefined;
  }
}

function inSession(session) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid: Number(pid), ...look(pid) }))
    .filter((process) => process.session === session);
}

/** Stops what is left of a session and returns it as lines; where there is no /proc nobody can tell. */
export async function strays(session) {
  if (process.platform !== 'linux') return [];
  const deadline = performance.now() + GRACE_MS;
  let left = inSession(session);
  while (left.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    left = inSession(session);
  }
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended by itself
    }
  }
  return left.map(({ pid, line }) => `${pid} ${line}`);
}
