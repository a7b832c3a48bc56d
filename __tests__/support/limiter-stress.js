'use strict';
// What the threads of the stress of shared limiters share: fields of each thread, then two of all.
const THREADS = 8;
const FIELDS = 3;
const [HELD, DYING, DONE] = [0, 1, 2];
const STOP = THREADS * FIELDS;
const MOST = STOP + 1;

module.exports = { THREADS, FIELDS, HELD, DYING, DONE, STOP, MOST, CELLS: MOST + 1 };
