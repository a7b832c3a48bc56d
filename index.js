'use strict';
// The public face. Names are listed one by one so that they work as ESM named imports.
const { version } = require('./package.json');
const { convertRequest } = require('./lib/request');

module.exports = {
  convertRequest,
  version,
};
