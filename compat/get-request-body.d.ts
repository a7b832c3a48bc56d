import type { BodySource, JsonOptions } from '../index';

/**
 * A request's JSON; `{}` for an empty body. Bad JSON is `Error('Invalid JSON in request body.')` without a status, too large is
 * `Error('Request body too large. Maximum size is N bytes.')` with status 413; everything else as readJson has it.
 */
export function getRequestBody<T = any>(req: BodySource, maxSize?: number | JsonOptions): Promise<T>;
