// Races candidates against each other in one process: rounds interleaved, the order turned about each round, the
// minimum of each candidate's rounds kept. What counts is the ratio; machines differ and drift.
import { appendFileSync, readFileSync } from 'node:fs';

const now = () => Number(process.hrtime.bigint());

/**
 * Minimum nanoseconds of each candidate: `{ name: (part) => work }`. Async candidates are awaited. Work in `parts` is
 * timed by the part, and the minima are summed: a part is short enough to run undisturbed, and a function that is called
 * for each of them is compiled as such, where one long loop is compiled anew, mid-way, whenever a collection dropped it.
 */
export async function race(candidates, { rounds = 30, warm = 5, parts = 1 } = {}) {
  const names = Object.keys(candidates);
  const best = Object.fromEntries(names.map((name) => [name, new Float64Array(parts).fill(Infinity)]));
  for (let round = 0; round < rounds + warm; round++) {
    globalThis.gc?.();
    for (const name of round % 2 ? names : [...names].reverse()) {
      for (let part = 0; part < parts; part++) {
        const start = now();
        const result = candidates[name](part);
        if (typeof result?.then === 'function') await result;
        const taken = now() - start;
        if (round >= warm && taken < best[name][part]) best[name][part] = taken;
      }
    }
  }
  return Object.fromEntries(names.map((name) => [name, best[name].reduce((sum, one) => sum + one)]));
}

/** A row: what ours took beside its peer, the ratio, and what the ratio should be at least. */
export function row(label, best, ours, peer, atLeast) {
  const ratio = best[peer] / best[ours];
  return {
    what: label,
    [`peer ms`]: ms(best[peer]),
    [`sluice ms`]: ms(best[ours]),
    ratio: `${ratio.toFixed(2)}x`,
    'at least': atLeast === undefined ? '' : `${atLeast}x`,
    reached: atLeast === undefined ? '' : ratio >= atLeast ? 'yes' : 'NO',
  };
}

export const ms = (ns) => +(ns / 1e6).toFixed(3);

/** The first lines of every benchmark: what was measured with what. */
export function heading(title, packages = {}) {
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`).join(', ');
  console.log(`${title}: node ${process.version}, ${process.platform} ${process.arch}${versions ? `, ${versions}` : ''}`);
}

/** Microseconds that the main thread has been on a processor; where the system does not say, active in its loop. */
export function mainThreadUs() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e3;
  } catch {
    return performance.eventLoopUtilization().active * 1e3;
  }
}

/** Prints rows as a table; a benchmark of several parts gathers them in the file BENCH_ROWS to sum up. */
export function report(rows) {
  console.table(Object.fromEntries(rows.map(({ what, ...rest }) => [what, rest])));
  if (process.env.BENCH_ROWS) appendFileSync(process.env.BENCH_ROWS, rows.map((one) => `${JSON.stringify(one)}\n`).join(''));
}
