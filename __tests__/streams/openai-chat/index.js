'use strict';

module.exports = ['text', 'calls', 'unruly', 'framing'].flatMap((file) => require(`./${file}`));
