/** Headers that tell of an index's settings, beside whatever is answered about it. */
import type { ClientAnswer } from '../api.ts';
import type { Tables } from './tables.ts';

/** The version is that of before the call: what is answered has it, or a later one. */
export async function settingsHeaders(
  tables: Tables,
  index: string,
  call: () => Promise<ClientAnswer>,
): Promise<ClientAnswer> {
  const before = tables.settings(index);
  const answer = await call();
  const after = tables.settings(index);
  if (before === undefined || after === undefined) return answer;
  const isChanging = before.broadcast !== null || after.broadcast !== null;
  const headers: Record<string, string> = {
    ...answer.headers,
    'x-miroir-settings-version': String(before.version),
    ...(isChanging ? { 'x-miroir-settings-inconsistent': 'true' } : {}),
  };
  return { ...answer, headers };
}
