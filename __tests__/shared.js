'use strict';
// Data that is shared between repositories: SLUICE_SHARED, or ../shared where it is there. Set and empty is a mistake.
const { appendFileSync, existsSync, mkdirSync, readdirSync } = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');

/** The folder, or null where there is none. */
function sharedFolder() {
  const named = process.env.SLUICE_SHARED;
  if (named === '') throw new Error('SLUICE_SHARED is set and empty');
  const folder = path.resolve(root, named ?? '../shared');
  if (existsSync(folder)) return folder;
  if (named !== undefined) throw new Error(`SLUICE_SHARED is ${named}, which is not there`);
  return null;
}

/** The recorded provider streams as `{ format, name, file }`, none where they are not there; the run counts who was used. */
function recordedStreams() {
  const shared = sharedFolder();
  const folder = shared && path.join(shared, 'data', 'streams');
  if (!folder || !existsSync(folder)) return [];
  const streams = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: format }) =>
      readdirSync(path.join(folder, format))
        .filter((name) => name.endsWith('.sse'))
        .map((name) => ({ format, name, file: path.join(folder, format, name) })));
  const log = process.env.SLUICE_REPORTS ?? path.join(root, 'target', 'test');
  mkdirSync(log, { recursive: true });
  appendFileSync(path.join(log, 'recorded-streams'), streams.map(({ format, name }) => `${format}/${name}\n`).join(''));
  return streams;
}

module.exports = { sharedFolder, recordedStreams };
