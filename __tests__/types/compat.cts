// Compiled, never run: a strict CommonJS module in TypeScript.
import compat = require('sluice/compat');
import { RateLimiter } from 'sluice/compat/rate-limiter';
import { RequestLimiter } from 'sluice/compat/request-limiter';
import { SlidingWindowLimiter } from 'sluice/compat/sliding-window-limiter';
import { getRequestBody } from 'sluice/compat/get-request-body';
import { handleStream } from 'sluice/compat/handle-stream';

export const limiter: RateLimiter = new compat.RateLimiter();
export const keyed: SlidingWindowLimiter = new compat.SlidingWindowLimiter({ maxRequests: 5 });
export const same: [typeof getRequestBody, typeof handleStream] = [compat.getRequestBody, compat.handleStream];
export const requests: RequestLimiter = new compat.RequestLimiter();
