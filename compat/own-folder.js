'use strict';
// Folders of caches that were given none: under the system's temporary one, gone with their process, or after it.
const { randomBytes } = require('node:crypto');
const { readdir, rm } = require('node:fs/promises');
const { mkdirSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');

// the host's name, since containers that share the folder have process ids of their own
const beginning = () => `sluice-cache-${os.hostname().replace(/[^\w.-]/g, '_')}-`;
const ours = new Set();
const options = { recursive: true, force: true };

/** A path that nobody has; it is made by whoever uses it. */
function newFolder() {
  return path.join(os.tmpdir(), `${beginning()}${process.pid}-${randomBytes(8).toString('hex')}`);
}

function remove(folder) {
  if (ours.delete(folder) && ours.size === 0) process.removeListener('exit', removeAll);
  try {
    rmSync(folder, options);
  } catch {
    // the next process tries again
  }
}

function removeAll() {
  for (const folder of [...ours]) remove(folder);
}

/** Makes a folder that goes with the process, and looks for those of others that went without. */
function makeFolder(folder) {
  // heard only while there is something to remove: suites load this file any number of times
  if (ours.size === 0) process.once('exit', removeAll);
  ours.add(folder);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch {
    // the tier tells why it cannot be had
  }
  sweep();
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Removes the folders of processes that were killed. */
async function sweep() {
  const start = beginning();
  const found = await readdir(os.tmpdir()).catch(() => []);
  for (const name of found) {
    if (!name.startsWith(start)) continue;
    const pid = Number(name.slice(start.length).split('-')[0]);
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) await rm(path.join(os.tmpdir(), name), options).catch(() => {});
  }
}

module.exports = { newFolder, makeFolder, remove };
