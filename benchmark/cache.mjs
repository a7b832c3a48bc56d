// The tiered cache against its peers: every row of the table of numbers that it is to reach.
//
//   npm run bench -- cache        all parts
//   npm run bench -- cache-redis  one
import { runParts } from './parts.mjs';

const good = runParts('cache', 'All rows of the cache', ['lru-cache', 'cache-manager', 'bentocache', 'cacheable', 'ioredis', 'redis']);
process.exit(good ? 0 : 1);
