'use strict';
// Real Redis servers for tests: single, TLS, cluster, sentinel. Each ends with the test, or with the test's process.
module.exports = { ...require('./server'), ...require('./cluster'), ...require('./sentinel'), ...require('./ports') };
