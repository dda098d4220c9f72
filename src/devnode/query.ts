import { ApiError } from './errors.ts';

/** Parameters of a request's query string; the last one counts when a name comes twice. */
export class Query {
  /** As it was sent, with its question mark, or empty. */
  readonly raw: string;
  private readonly values: URLSearchParams;

  constructor(raw: string) {
    this.raw = raw;
    this.values = new URLSearchParams(raw);
  }

  /** Refuses names that the route does not have. */
  allow(names: readonly string[]): void {
    for (const name of this.values.keys()) {
      if (names.includes(name)) continue;
      const list = names.map((known) => `\`${known}\``).join(', ');
      throw new ApiError('bad_request', `Unknown parameter \`${name}\`: expected one of ${list}`);
    }
  }

  text(name: string): string | undefined {
    return this.values.getAll(name).at(-1);
  }

  count(name: string, code: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : parseCount(text, name, code);
  }

  flag(name: string, code: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined || text === 'true' || text === 'false')
      return text === undefined ? undefined : text === 'true';
    throw new ApiError(
      code,
      `Invalid value in parameter \`${name}\`: could not parse \`${text}\` as a boolean, expected either \`true\` or \`false\``,
    );
  }

  /** Comma separated; an empty text is an empty list. */
  list(name: string): string[] | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    return text === '' ? [] : text.split(',');
  }
}

export function parseCount(text: string, name: string, code: string): number {
  if (/^\d+$/.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER) return Number(text);
  throw new ApiError(code, `Invalid value in parameter \`${name}\`: could not parse \`${text}\` as a positive integer`);
}
