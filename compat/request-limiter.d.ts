import type { IncomingMessage } from 'node:http';

export interface RequestRule {
  /** Requests in a window; 0 denies. @default 100 */
  limit?: number;
  /** @default 60000 */
  windowMs?: number;
  /** Requests in a second; 0 or false: no limit of its own. @default 20 */
  burst?: number | false;
}
export interface RequestLimiterOptions<Request = IncomingMessage> extends RequestRule {
  /** What tells clients apart; kept hashed. @default the address of the client */
  keyGenerator?: (req: Request) => string;
  /** By the key: what it does not say is as for everyone. */
  rules?: Record<string, RequestRule> | ReadonlyMap<string, RequestRule> | ((key: string) => RequestRule | undefined);
  /** Believe `x-forwarded-for`: how many proxies are in front, or true for the first address that it says. @default false */
  trustProxy?: boolean | number;
  /** Of a refusal. @default 'Too many requests, please try again later.' */
  message?: string;
  /** @default 429 */
  statusCode?: number;
  /** @default 100000 */
  maxKeys?: number;
  /** @default 64 MiB */
  maxBytes?: number;
  /** Milliseconds. @default () => Date.now() */
  now?: () => number;
}
export interface RequestLimit {
  allowed: boolean;
  remaining: number;
  /** Seconds; 0 when allowed. */
  retryAfter: number;
  /** Requests in a window. */
  limit: number;
  /** When refused. */
  message?: string;
}
export interface RequestLimiterStats { totalRequests: number; allowed: number; denied: number; activeClients: number; evicted: number }

/** Limits of clients in front of a server. See docs/migrate.md. */
export class RequestLimiter<Request = IncomingMessage> {
  constructor(options?: RequestLimiterOptions<Request>);
  limit: number;
  windowMs: number;
  burst: number | false;
  rules: RequestLimiterOptions<Request>['rules'];
  trustProxy: boolean | number;
  message: string;
  statusCode: number;
  now?: () => number;
  keyGenerator(req: Request): string;
  /** A refused request costs nothing. */
  checkLimit(req: Request): RequestLimit;
  /** Sets the headers, then calls `next` or answers; returns whether it went on. All of it before it returns. */
  handleRequest(req: Request, res: { setHeader(name: string, value: string): unknown; statusCode?: number; end?(text: string): unknown }, next?: () => void): boolean;
  getStats(): RequestLimiterStats;
  /** The client starts afresh; its key as keyGenerator has it. */
  resetClient(key: string): void;
  /** Those of the options that are given. */
  updateConfig(config: Partial<RequestLimiterOptions<Request>>): void;
  close(): Promise<void>;
}
