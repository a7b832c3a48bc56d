'use strict';
// Required first, gives the test the addon that has test hooks (`node scripts/build.mjs --hooks`) in the released one's place.
const { existsSync } = require('node:fs');
const path = require('node:path');

const addon = path.join(__dirname, '..', 'target', 'hooks', 'sluice.node');
if (!existsSync(addon)) throw new Error('no addon with test hooks: run node scripts/build.mjs --hooks');
process.env.NAPI_RS_NATIVE_LIBRARY_PATH = addon;

module.exports = { addon };
