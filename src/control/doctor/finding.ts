/** What the doctor says: one line each. */
export type Level = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly level: Level;
  /** What was looked at: `redis`, `node n1`, `index cities`, `routers`. */
  readonly subject: string;
  /** What was found, in words. */
  readonly found: string;
  /** What to do; null when all is well. */
  readonly remedy: string | null;
}

export const ok = (subject: string, found: string): Finding => ({ level: 'ok', subject, found, remedy: null });
export const warn = (subject: string, found: string, remedy: string): Finding => ({
  level: 'warn',
  subject,
  found,
  remedy,
});
export const fail = (subject: string, found: string, remedy: string): Finding => ({
  level: 'fail',
  subject,
  found,
  remedy,
});
