/** What the doctor says: one line each. */
import type { Finding } from '../../ports.ts';

export type { Finding };
export type Level = Finding['level'];

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
