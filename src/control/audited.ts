/** Every change that somebody asks for is in the audit stream with who it was, before anything is changed. */
import { isMiroirError } from '../errors.ts';
import type { AuditTrail } from '../ports.ts';

/** Who asks. */
export interface Asker {
  /** `cli:<user of the system>`, `key:<name>`, or `loopback` for the control API without keys. */
  readonly actor: string;
  readonly audit: Pick<AuditTrail, 'note'>;
}

/** Limit: of one field of an entry, since it may be what somebody sent. */
const FIELD_MAX = 200;

/**
 * What is asked is noted before it is done, as `asked`, so that also what dies in the middle is there; that it was refused
 * is said by a second entry, with the code.
 */
export async function audited<T>(
  { actor, audit }: Asker,
  verb: string,
  about: Readonly<Record<string, string | number>>,
  act: () => Promise<T>,
): Promise<T> {
  const told = Object.entries(about).map(([name, value]) => [name, String(value).slice(0, FIELD_MAX)]);
  const entry = { verb, actor, ...Object.fromEntries(told) } as Record<string, string>;
  await audit.note({ what: 'asked', ...entry });
  try {
    return await act();
  } catch (error) {
    const code = isMiroirError(error) ? error.code : 'defect';
    // What it was refused with is the answer, also where this cannot be told.
    await Promise.allSettled([audit.note({ what: 'refused', ...entry, code })]);
    throw error;
  }
}
