// A redis-server of our own for a benchmark: on a free loopback port, in memory only, gone with its process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

const answers = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.on('data', () => resolve(true)).on('error', () => resolve(false));
    socket.setTimeout(500, () => resolve(false));
    socket.on('close', () => resolve(false));
  });

/** Starts a server; `{ port, url, pid, version, kill(signal), stop() }`. */
export async function startRedis(port) {
  port ??= await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn('redis-server', args.map(String), { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const atExit = () => child.kill('SIGKILL');
  process.on('exit', atExit);
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (child.exitCode !== null || tries === 100) throw new Error('redis-server does not start');
    await sleep(50);
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    kill: (signal) => child.kill(signal),
    async stop() {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await ended;
      process.off('exit', atExit);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
