'use strict';
// What the drop-ins read from the environment, each time that an object is made: a roll-back is a restart, not a deploy.
const { createHash } = require('node:crypto');
const os = require('node:os');
const { wrongType } = require('../lib/options');

/** This process's place in a staged rollout, from 0 to below 1: the same for as long as it lives. */
function place() {
  return createHash('sha256').update(`${os.hostname()}:${process.pid}`).digest().readUInt32BE(0) / 2 ** 32;
}

/**
 * Whether what the drop-ins do beyond the plain classes is on. `ENABLE_PERFORMANCE_OPTIMIZATION`: not set: yes; a switch;
 * or a number from 0 to 1: in that share of the processes, by a hash of host and pid.
 */
function isOptimized() {
  const given = text('ENABLE_PERFORMANCE_OPTIMIZATION');
  const said = given === undefined ? true : switchOf(given);
  if (said !== undefined) return said;
  const share = Number(given);
  if (!(share >= 0 && share <= 1)) throw wrongType('ENABLE_PERFORMANCE_OPTIMIZATION', 'true, false or a number from 0 to 1', given);
  return place() < share;
}

/** A variable's text; one that is empty counts as not set. */
function text(name) {
  const given = process.env[name]?.trim();
  return given ? given : undefined;
}
/** A variable's number; `fallback` when it is not set. */
function number(name, fallback) {
  const given = text(name);
  if (given === undefined) return fallback;
  const value = Number(given);
  if (!Number.isFinite(value)) throw wrongType(name, 'a number', given);
  return value;
}
function switchOf(given) {
  if (/^(true|1|on|yes)$/i.test(given)) return true;
  return /^(false|0|off|no)$/i.test(given) ? false : undefined;
}
/** A switch: true or false, 1 or 0, on or off, yes or no; `fallback` when it is not set. */
function flag(name, fallback) {
  const given = text(name);
  const said = given === undefined ? fallback : switchOf(given);
  if (given !== undefined && said === undefined) throw wrongType(name, 'true or false', given);
  return said;
}

module.exports = { isOptimized, text, number, flag };
