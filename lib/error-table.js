'use strict';
// Generated from crates/core/src/error.rs by `npm run generate`; do not edit.
module.exports = {
  Platform: { code: 'ERR_PLATFORM', Class: 'Error', name: 'Error', template: 'sluice has no native binary for {platform}: install {package}' },
  PlatformLoad: { code: 'ERR_PLATFORM', Class: 'Error', name: 'Error', template: 'the native binary of sluice for {platform} does not load: {detail}; reinstall {package}' },
  OptionRange: { code: 'ERR_INVALID_OPTION', Class: 'RangeError', name: 'RangeError', template: '{option} must be {range}; got {value}' },
  OptionType: { code: 'ERR_INVALID_OPTION', Class: 'TypeError', name: 'TypeError', template: '{option} must be {range}; got {value}' },
  OptionUnknown: { code: 'ERR_INVALID_OPTION', Class: 'TypeError', name: 'TypeError', template: 'unknown option {option}; known options are {known}' },
  Closed: { code: 'ERR_CLOSED', Class: 'Error', name: 'Error', template: '{what} is closed' },
  Aborted: { code: 'ERR_ABORTED', Class: 'Error', name: 'AbortError', template: '{what} was aborted' },
  Internal: { code: 'ERR_INTERNAL', Class: 'Error', name: 'Error', template: '{what} failed inside native code: {detail}' },
  Unsupported: { code: 'ERR_UNSUPPORTED', Class: 'Error', name: 'Error', template: '{dialect} cannot say {what} (at {pointer})' },
  BodyTooLarge: { code: 'BODY_TOO_LARGE', Class: 'Error', name: 'PayloadTooLargeError', status: 413, type: 'entity.too.large', template: 'request body is larger than {limit} bytes' },
  BodyAborted: { code: 'ERR_BODY_ABORTED', Class: 'Error', name: 'BadRequestError', status: 400, type: 'request.aborted', template: 'request body cannot be read: {detail}' },
  BodyLength: { code: 'ERR_BODY_LENGTH', Class: 'Error', name: 'BadRequestError', status: 400, type: 'request.size.invalid', template: 'request body has {received} bytes where Content-Length says {expected}' },
  BodyEncoding: { code: 'ERR_BODY_ENCODING', Class: 'Error', name: 'UnsupportedMediaTypeError', status: 415, type: 'encoding.unsupported', template: 'request body cannot be decoded as {encoding}: {detail}' },
  BodyCharset: { code: 'ERR_BODY_CHARSET', Class: 'Error', name: 'UnsupportedMediaTypeError', status: 415, type: 'charset.unsupported', template: 'request body is not UTF-8: {detail}' },
  BodyTimeout: { code: 'ERR_TIMEOUT', Class: 'Error', name: 'TimeoutError', status: 408, type: 'request.timeout', template: 'request body did not arrive within {timeoutMs} ms' },
  BodyJson: { code: 'ERR_BODY_JSON', Class: 'SyntaxError', name: 'SyntaxError', template: 'invalid JSON at line {line}, column {column} (byte {offset}): {detail}' },
  StreamFrame: { code: 'ERR_STREAM_FRAME', Class: 'Error', name: 'Error', template: 'upstream frame at byte {offset} cannot be read: {detail}' },
  StreamUpstream: { code: 'ERR_STREAM_UPSTREAM', Class: 'Error', name: 'Error', template: 'upstream reported an error: {detail}' },
};
