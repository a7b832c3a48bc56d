'use strict';
// Servers end with the process that started them, however it ends: a shell reads its standard input, and when that is
// closed kills what it was told of.
const { spawn } = require('node:child_process');

// a process id, then its folder; a line with an id alone takes it off the list
const SCRIPT = `
trap '' INT TERM HUP
list=
while read -r pid folder; do
  if [ -n "$folder" ]; then list="$list $pid:$folder"
  else
    kept=
    for one in $list; do [ "\${one%%:*}" = "$pid" ] || kept="$kept $one"; done
    list=$kept
  fi
done
for one in $list; do kill -9 "\${one%%:*}" 2>/dev/null; rm -rf "\${one#*:}"; done
`;

let watchdog;

/** Tells it of a process that was started, or (without a folder) that has ended. */
function watch(pid, folder = '') {
  if (watchdog === undefined) {
    watchdog = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'] });
    watchdog.unref();
    watchdog.stdin.unref();
    watchdog.stdin.on('error', () => {});
  }
  watchdog.stdin.write(`${pid} ${folder}\n`);
}

module.exports = { watch };
