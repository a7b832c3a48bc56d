'use strict';
// A real redis-server on a free loopback port, in a folder of its own, stopped by its own process id.
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Redis } = require('ioredis');
const { freePort } = require('./ports');
const { watch } = require('./watchdog');

const START_MS = 60_000;
const running = new Set();
const tlsPath = (name) => path.join(__dirname, 'tls', name);
const tlsFile = (name) => readFileSync(tlsPath(name), 'utf8');
const clientCertificate = () => ({ cert: tlsFile('client.pem'), key: tlsFile('client-key.pem') });

/** SLUICE_REDIS_SERVER, which `npm test` sets, else the one on the PATH. */
const program = () => process.env.SLUICE_REDIS_SERVER || 'redis-server';

function tlsArgs(tls, port) {
  if (!tls) return ['--port', String(port)];
  return [
    '--port', '0', '--tls-port', String(port), '--tls-auth-clients', tls === 'mutual' ? 'yes' : 'no',
    '--tls-cert-file', tlsPath('server.pem'), '--tls-key-file', tlsPath('server-key.pem'), '--tls-ca-cert-file', tlsPath('ca.pem'),
    '--tls-replication', 'yes', '--tls-cluster', 'yes',
  ];
}

class Server {
  host = '127.0.0.1';
  port = 0;
  folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-redis-'));
  #options;
  #child;
  #log = [];
  #clients = new Set();

  constructor(options) {
    this.#options = options;
  }

  get pid() {
    return this.#child?.pid;
  }
  get tls() {
    return Boolean(this.#options.tls);
  }
  /** What the addon and clients connect to. */
  get url() {
    const { password, tls } = this.#options;
    return `${tls ? 'rediss' : 'redis'}://${password ? `:${password}@` : ''}${tls ? 'localhost' : this.host}:${this.port}`;
  }
  /** What it has printed, the last lines. */
  get log() {
    return this.#log.join('\n');
  }

  async start() {
    const fixed = this.port !== 0;
    for (let tries = 1; ; tries += 1) {
      if (!fixed) this.port = await freePort();
      const error = await this.#launch();
      if (error === undefined) return this;
      // somebody else took the port meanwhile
      if (!/in use/.test(error) || tries === 10) throw new Error(`redis-server did not start: ${error}`);
      if (fixed) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #args() {
    const { args = [], tls, password, config } = this.#options;
    const common = ['--bind', this.host, '--dir', this.folder, ...tlsArgs(tls, this.port)];
    if (config === undefined) {
      common.push('--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0');
      if (password) common.push('--requirepass', password, '--masterauth', password);
      return [...common, ...args];
    }
    const file = path.join(this.folder, 'redis.conf');
    // a sentinel keeps its state there: a restart goes on with it
    if (!existsSync(file)) writeFileSync(file, config);
    return [file, ...common, ...args];
  }

  /** Starts the process; undefined once it is ready, else what went wrong. */
  #launch() {
    return new Promise((resolve) => {
      const child = spawn(program(), this.#args(), { stdio: ['ignore', 'pipe', 'pipe'] });
      this.#child = child;
      this.#log = [];
      const limit = setTimeout(() => end(`not ready after ${START_MS} ms\n${this.log}`), START_MS);
      const end = (error) => {
        clearTimeout(limit);
        if (error === undefined) {
          for (const handle of [child, child.stdout, child.stderr]) handle.unref();
        } else {
          child.kill('SIGKILL');
        }
        resolve(error);
      };
      if (child.pid !== undefined) watch(child.pid, this.folder);
      const heard = (chunk) => {
        this.#log.push(...String(chunk).split('\n').filter(Boolean));
        this.#log.splice(0, this.#log.length - 200);
        if (this.#log.some((line) => /Ready to accept connections|Sentinel ID is|\+monitor/.test(line))) end();
      };
      child.stdout.on('data', heard);
      child.stderr.on('data', heard);
      child.on('error', (error) => end(`${error.message}; \`npm test\` finds or installs redis-server, or says how`));
      child.on('exit', (code, signal) => {
        if (child.pid !== undefined) watch(child.pid);
        if (this.#child === child) this.#child = undefined;
        end(`exit code ${code ?? signal}\n${this.log}`);
      });
      running.add(this);
    });
  }

  /** Stops it from answering, with its sockets open. */
  pause() {
    process.kill(this.pid, 'SIGSTOP');
  }
  resume() {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Ends the process at once; its port stays its own for `restart`. */
  async kill() {
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Ends it and starts an empty one on the same port. */
  async restart() {
    await this.kill();
    return this.start();
  }

  /** Options of an ioredis client for this server. */
  clientOptions(options) {
    const tls = this.tls ? { ca: tlsFile('ca.pem'), servername: 'localhost', ...(this.#options.tls === 'mutual' && clientCertificate()) } : undefined;
    return { host: this.host, port: this.port, password: this.#options.password, tls, disconnectTimeout: 100, ...options };
  }

  /** A plain client that is not the addon's, to look and to write; closed with the server. */
  client(options) {
    const client = new Redis(this.clientOptions(options));
    client.on('error', () => {});
    this.#clients.add(client);
    return client;
  }

  /** One command on a connection of its own. */
  async command(...args) {
    const client = new Redis(this.clientOptions({ maxRetriesPerRequest: 1, commandTimeout: 30_000, retryStrategy: null }));
    client.on('error', () => {});
    try {
      return await client.call(...args.map(String));
    } finally {
      client.disconnect();
    }
  }

  async stop() {
    running.delete(this);
    for (const client of this.#clients) client.disconnect();
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * Starts a server: `args` for its command line, `tls` (true, or 'mutual': clients need a certificate), `password`,
 * `config`: the text of a configuration file in place of the usual arguments.
 */
const startRedis = (options = {}) => new Server(options).start();

/** Stops every server that this module started. */
const stopAll = () => Promise.all([...running].map((server) => server.stop()));

/** Whether there is a redis-server to start. */
const hasRedis = () => spawnSync(program(), ['--version']).status === 0;

module.exports = { startRedis, stopAll, hasRedis, program, tlsFile, tlsPath, clientCertificate };
