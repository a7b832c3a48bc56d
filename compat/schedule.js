'use strict';
// A cron expression, run by `croner` where the application has it: a timer that recurs is nothing that we arm ourselves.
const { outOfRange } = require('../lib/options');

/** `{ schedule(run), stop() }`; undefined, with a warning, without `croner`. */
function scheduled(expression) {
  let Cron;
  try {
    ({ Cron } = require('croner'));
  } catch {
    process.emitWarning(
      `the warm-up schedule ${JSON.stringify(expression)} does not run: it needs the package croner (npm install croner). Warm-up runs at the start, and by preheat()`,
      { code: 'SLUICE_NO_SCHEDULE' },
    );
    return undefined;
  }
  try {
    return new Cron(expression, { unref: true, protect: true });
  } catch (cause) {
    throw Object.assign(outOfRange('CACHE_WARMUP_SCHEDULE', 'a cron expression', expression), { cause });
  }
}

module.exports = { scheduled };
