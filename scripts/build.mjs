// Builds the addon in release mode: `npm install` in a clone ends here.
// `--hooks` builds the one with test hooks beside it, under target/hooks, for the tests only.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const hooks = process.argv.includes('--hooks');
// `--debug`: quick to build, slow to run; for the edit-and-test loop
const profile = process.argv.includes('--debug') ? [] : ['--release'];

// packed and published packages carry no sources: nothing to build there
if (!existsSync(new URL('../Cargo.toml', import.meta.url))) process.exit(0);

try {
  execFileSync('cargo', ['--version'], { stdio: 'ignore' });
} catch {
  console.error('sluice: building from a clone needs Rust (cargo) on the PATH; see https://rustup.rs');
  process.exit(1);
}

const args = ['build', '--platform', ...profile];
if (hooks) {
  mkdirSync(new URL('../target/hooks', import.meta.url), { recursive: true });
  args.push('--output-dir', 'target/hooks', '--no-js', '--features', 'test-hooks');
} else {
  args.push('--js', 'binding.js', '--dts', 'binding.d.ts');
}
execFileSync(process.execPath, ['node_modules/@napi-rs/cli/dist/cli.js', ...args], { cwd: root, stdio: 'inherit' });

if (hooks) {
  const built = readdirSync(new URL('../target/hooks', import.meta.url)).find((name) => name.endsWith('.node'));
  copyFileSync(new URL(`../target/hooks/${built}`, import.meta.url), new URL('../target/hooks/sluice.node', import.meta.url));
}
