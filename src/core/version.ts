/**
 * The version that every record and every job carries. A process that meets a newer one leaves it alone and says so,
 * which is what makes a rolling upgrade safe: the old process neither guesses nor overwrites.
 */
import { InvalidInputError, RecordTooNewError } from '../errors.ts';

/** Raise it only when an older process would misread a record, not for every new optional field. */
export const RECORD_VERSION = 1;

/**
 * Returns the version of a record, or throws: `RecordTooNewError` when it is above ours, `InvalidInputError` (field
 * `v`) when it is no version at all. Decimal text is taken too, since fields of a Redis hash are strings.
 *
 * @param what names the record in the error, e.g. `move p1-3-0`.
 */
export function assertReadable(v: unknown, what: string): number {
  const version = typeof v === 'string' && /^\d{1,9}$/.test(v) ? Number(v) : v;
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    throw new InvalidInputError(`${what} has no readable version`, {
      field: 'v',
      remedy: `send v: ${RECORD_VERSION} or leave it out`,
    });
  }
  if (version > RECORD_VERSION) {
    throw new RecordTooNewError(`${what} has version ${version}; this process reads up to ${RECORD_VERSION}`, {
      remedy: 'finish the rolling upgrade: a newer process will take it',
      details: { version, readable: RECORD_VERSION },
    });
  }
  return version;
}
