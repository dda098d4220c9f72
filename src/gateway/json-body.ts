/** JSON bodies of all routes but the documents': their text for the router, and their value to be looked at here. */
import { nodeError, Refusal, refuse } from './answers.ts';
import { BodyTooLarge } from './bodies.ts';
import { type Call, malformedJson } from './call.ts';

export interface JsonBody {
  readonly text: string;
  /** Only looked at: the router gets the text. */
  readonly value: unknown;
}

/** A node answers a body over its limit with 500 on these routes, so we do. */
function tooLarge(announced: number | null, maxBytes: number): Refusal {
  const message =
    announced === null
      ? `JSON payload has exceeded limit (${maxBytes} bytes).`
      : `JSON payload (${announced} bytes) is larger than allowed (limit: ${maxBytes} bytes).`;
  return new Refusal(nodeError('internal', message));
}

export async function readJson(call: Call): Promise<JsonBody> {
  call.contentType(['application/json']);
  const maxBytes = call.limits.jsonMaxBytes;
  const { text, bytes } = await call.body(maxBytes).catch((error: unknown) => {
    throw error instanceof BodyTooLarge ? tooLarge(error.announced, maxBytes) : error;
  });
  if (bytes === 0) return refuse('missing_payload', 'A json payload is missing.');
  if (text === null) throw malformedJson('invalid unicode code point');
  try {
    return { text, value: JSON.parse(text) as unknown };
  } catch (error) {
    if (error instanceof SyntaxError) throw malformedJson(error.message);
    throw error;
  }
}

/** Longer values are cut in messages. */
const QUOTED_MAX = 200;

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'number') return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  if (!Number.isInteger(value)) return 'a number';
  return value < 0 ? 'a negative integer' : 'a positive integer';
}

/** `path` is empty at the top. */
export function wrongType(value: unknown, expected: string, path: string, code: string): never {
  const where = path === '' ? '' : ` at \`${path}\``;
  const found = value === null ? 'null' : `${kindOf(value)}: \`${JSON.stringify(value).slice(0, QUOTED_MAX)}\``;
  return refuse(code, `Invalid value type${where}: expected ${expected}, but found ${found}`);
}

/** The fields of an object that may have only these. A map, so that no name of a client's reaches a prototype. */
export function fieldsOf(value: unknown, known: readonly string[]): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return wrongType(value, 'an object', '', 'bad_request');
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  for (const name of fields.keys()) {
    if (known.includes(name)) continue;
    const names = known.map((one) => `\`${one}\``).join(', ');
    refuse('bad_request', `Unknown field \`${name}\`: expected one of ${names}`);
  }
  return fields;
}
