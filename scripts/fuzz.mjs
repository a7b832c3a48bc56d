// `npm run fuzz [-- TARGET…] [-- --seconds=N] [-- --seed=N]`: libFuzzer where cargo-fuzz and a nightly toolchain are, else
// the same targets as seeded loops on stable. Targets: crates/core/fuzz/src/lib.rs.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = 'crates/core/fuzz';
const all = readdirSync(new URL(`../${folder}/fuzz_targets`, import.meta.url)).map((file) => file.replace('.rs', ''));

const args = process.argv.slice(2);
const option = (name, fallback) => args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1] ?? fallback;
const seconds = option('seconds', '10');
const seed = option('seed', '1');
const asked = args.filter((arg) => !arg.startsWith('--'));
for (const target of asked) {
  if (all.includes(target)) continue;
  console.error(`no target is named ${target}; there are: ${all.join(', ')}`);
  process.exit(2);
}

const answers = (...command) => spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'ignore' }).status === 0;
const libfuzzer = !args.includes('--seeded') && answers('cargo', '+nightly', '--version') && answers('cargo', 'fuzz', '--version');
console.log(libfuzzer ? 'with cargo-fuzz' : 'cargo-fuzz or nightly is not here: seeded loops on stable');

const seeded = ['run', '--quiet', '--release', '--manifest-path', `${folder}/Cargo.toml`, '--target-dir', 'target/fuzz', '--bin', 'seeded', '--'];
const run = (args) => spawnSync('cargo', args, { cwd: root, stdio: 'inherit' }).status === 0;

// an empty corpus never gets past a checksum or to the end of a provider's event
let failed = libfuzzer && !run([...seeded, '--seeds', `${folder}/corpus`]);
for (const target of asked.length ? asked : all) {
  const command = libfuzzer
    ? ['+nightly', 'fuzz', 'run', '--fuzz-dir', folder, '--features', 'libfuzzer', target, '--', `-max_total_time=${seconds}`]
    : [...seeded, target, seconds, seed];
  failed = !run(command) || failed;
}
process.exit(failed ? 1 : 0);
