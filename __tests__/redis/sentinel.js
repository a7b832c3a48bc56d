'use strict';
// A master with a replica, watched by sentinels: real processes, so that a failover is a real one.
const { startRedis } = require('./server');
const { eventually } = require('./cluster');

const NAME = 'main';

const configOf = (master, quorum, password) => `
sentinel monitor ${NAME} ${master.host} ${master.port} ${quorum}
sentinel down-after-milliseconds ${NAME} 500
sentinel failover-timeout ${NAME} 3000
sentinel parallel-syncs ${NAME} 1
${password ? `sentinel auth-pass ${NAME} ${password}` : ''}
`;

/** Starts master, replica and `sentinels` sentinels; the quorum is their majority. */
async function startSentinel({ sentinels: count = 1, args = [], password } = {}) {
  const master = await startRedis({ args, password });
  const replica = await startRedis({ args: ['--replicaof', `${master.host} ${master.port}`, ...args], password });
  await eventually(async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'), 'the replica follows');
  const config = configOf(master, Math.floor(count / 2) + 1, password);
  const sentinels = await Promise.all(Array.from({ length: count }, () => startRedis({ config, args: ['--sentinel'] })));
  const fields = async (sentinel) => {
    const list = await sentinel.command('SENTINEL', 'MASTER', NAME);
    return Object.fromEntries(list.map((name, at) => [name, list[at + 1]]).filter((_, at) => at % 2 === 0));
  };
  for (const sentinel of sentinels) {
    await eventually(async () => {
      const known = await fields(sentinel);
      return known['num-slaves'] === '1' && known['num-other-sentinels'] === String(count - 1) && known.flags === 'master';
    }, 'the sentinels see each other and the replica');
  }
  const masterPort = async () => Number((await sentinels[0].command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME))[1]);
  return {
    name: NAME,
    master,
    replica,
    sentinels,
    nodes: sentinels.map(({ host, port }) => `${host}:${port}`),
    masterPort,
    /** Waits until the sentinels have made the replica the master. */
    async failedOver() {
      await eventually(async () => (await masterPort()) === replica.port && (await replica.command('ROLE'))[0] === 'master', 'the failover');
    },
    async stop() {
      await Promise.all([...sentinels, replica, master].map((server) => server.stop()));
    },
  };
}

module.exports = { startSentinel };
