// Counts what the runners say: tests that passed, failed, were skipped.
import { existsSync, readFileSync } from 'node:fs';

const none = () => ({ passed: 0, failed: 0, skipped: [] });

/** What `cargo test` printed. */
export function fromCargo(text) {
  const counts = none();
  for (const [, passed, failed] of text.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed;/gm)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
  }
  for (const [, name] of text.matchAll(/^test (\S+)(?: - should panic)? \.\.\. ignored/gm)) counts.skipped.push(name);
  return counts;
}

/** The JSON report of jest, and of vitest, which writes the same. */
export function fromJest(file) {
  const counts = none();
  if (!existsSync(file)) return { ...counts, failed: 1 };
  for (const suite of JSON.parse(readFileSync(file, 'utf8')).testResults) {
    const before = counts.failed;
    for (const { status, fullName } of suite.assertionResults) {
      if (status === 'passed') counts.passed += 1;
      else if (status === 'failed') counts.failed += 1;
      else counts.skipped.push(fullName.trim());
    }
    // a suite that could not even be loaded, or failed around its tests
    if (suite.status === 'failed' && counts.failed === before) counts.failed += 1;
  }
  return counts;
}

/** The tests that may be skipped: the names in the list of CONTRIBUTING.md, "Skipped tests", each with its reason. */
export function mayBeSkipped(contributing) {
  const [, list = ''] = contributing.match(/^## Skipped tests$([^]*?)(?=^## |$(?![^]))/m) ?? [];
  return new Set([...list.matchAll(/^- `([^`]+)`: \S/gm)].map(([, name]) => name));
}
