import { storedFields } from './document-text.ts';
import { ApiError } from './errors.ts';
import { JsonScanner } from './json-scan.ts';
import { PayloadCursor } from './payload.ts';

/** The only field of the first document whose name ends in `id`; null when there is no document. */
export function inferPrimaryKey(payload: Buffer, isLines: boolean): string | null {
  const scanner = new JsonScanner(payload.toString('latin1', 0, payload.length));
  if (!new PayloadCursor(scanner, isLines).next()) return null;
  const start = scanner.pos;
  scanner.scanValue();
  const names = [...storedFields(payload.toString('utf8', start, scanner.pos)).keys()];
  const candidates = names.filter((name) => name.toLowerCase().endsWith('id'));
  const [first, second] = candidates;
  const advice = 'Please specify the primary key manually using the `primaryKey` query parameter.';
  if (first === undefined) {
    throw new ApiError(
      'index_primary_key_no_candidate_found',
      `The primary key inference failed as the engine did not find any field ending with \`id\` in its name. ${advice}`,
    );
  }
  if (second !== undefined) {
    throw new ApiError(
      'index_primary_key_multiple_candidates_found',
      `The primary key inference failed as the engine found ${candidates.length} fields ending with \`id\` in their names: '${first}' and '${second}'. ${advice}`,
    );
  }
  return first;
}
