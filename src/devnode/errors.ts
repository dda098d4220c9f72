/** An answer (or a failed task) with one of the documented error codes. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = statusOfCode(code)) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
  }
}

/** What a failed task shows, and what an HTTP error has as its body. */
export interface ErrorView {
  readonly message: string;
  readonly code: string;
  readonly type: string;
  readonly link: string;
}

// Every code that is not named here is 400 and `invalid_request`.
const STATUS: Readonly<Record<string, number>> = {
  missing_authorization_header: 401,
  missing_master_key: 401,
  invalid_api_key: 403,
  index_not_found: 404,
  document_not_found: 404,
  task_not_found: 404,
  batch_not_found: 404,
  api_key_not_found: 404,
  index_already_exists: 409,
  api_key_already_exists: 409,
  payload_too_large: 413,
  missing_content_type: 415,
  invalid_content_type: 415,
  too_many_open_files: 422,
  no_space_left_on_device: 422,
  io_error: 422,
  internal: 500,
  database_size_limit_reached: 500,
  too_many_search_requests: 503,
};

const TYPE: Readonly<Record<string, string>> = {
  missing_authorization_header: 'auth',
  missing_master_key: 'auth',
  invalid_api_key: 'auth',
  internal: 'internal',
  database_size_limit_reached: 'internal',
  too_many_search_requests: 'system',
  too_many_open_files: 'system',
  no_space_left_on_device: 'system',
  io_error: 'system',
};

function statusOfCode(code: string): number {
  return STATUS[code] ?? 400;
}

export function errorView(code: string, message: string): ErrorView {
  return {
    message,
    code,
    type: TYPE[code] ?? 'invalid_request',
    link: `https://docs.meilisearch.com/errors#${code}`,
  };
}

export function indexNotFound(uid: string): ApiError {
  return new ApiError('index_not_found', `Index \`${uid}\` not found.`);
}

export const DOCUMENT_ID_RULE =
  'A document identifier can be of type integer or string, only composed of alphanumeric characters ' +
  '(a-z A-Z 0-9), hyphens (-) and underscores (_), and can not be more than 511 bytes.';

export const INDEX_UID_RULE =
  'is not a valid index uid. Index uid can be an integer or a string containing only alphanumeric ' +
  'characters, hyphens (-) and underscores (_), and can not be more than 512 bytes.';

/** Limit: 400 bytes is what the real node checks, although its message says 512. */
export function isIndexUid(uid: string): boolean {
  return uid.length > 0 && uid.length <= 400 && /^[A-Za-z0-9_-]+$/.test(uid);
}
