// A gateway in a process of its own, so that its CPU time and memory are its own: `child.mjs KIND URL FORMAT`.
const [, , kind, url, format] = process.argv;

async function start() {
  if (kind !== 'sluice') return (await import('./peers.mjs')).startPeer(kind, { url, format });
  const { createGateway } = await import('../../examples/gateway/server.mjs');
  const { upstream } = await import('../../examples/gateway/upstreams.mjs');
  return createGateway({ upstreams: [upstream({ url, format })] }).listen();
}

let peak = 0;
process.on('message', () => process.send({ cpu: process.cpuUsage(), rss: process.memoryUsage().rss, peak }));
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss);
}, 250).unref();
process.on('disconnect', () => process.exit(0));
process.send({ url: await start() });
