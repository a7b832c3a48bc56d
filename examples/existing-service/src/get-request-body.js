'use strict';
// A request's JSON, up to a size.

function getRequestBody(req, maxSize = 10 * 1024 * 1024) {
  const limit = typeof maxSize === 'object' ? (maxSize.maxBytes ?? 10 * 1024 * 1024) : maxSize;
  return new Promise((resolve, reject) => {
    let text = '';
    let size = 0;
    req.on('data', (chunk) => {
      size += chunk.toString().length;
      if (size > limit) {
        req.destroy?.();
        reject(Object.assign(new Error(`Request body too large. Maximum size is ${limit} bytes.`), { status: 413 }));
        return;
      }
      text += chunk.toString();
    });
    req.on('end', () => {
      if (text.trim() === '') return resolve({});
      try {
        resolve(JSON.parse(text));
      } catch {
        reject(new Error('Invalid JSON in request body.'));
      }
    });
    req.on('error', reject);
  });
}

module.exports = { getRequestBody };
