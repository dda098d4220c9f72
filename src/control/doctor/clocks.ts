/** Whether another clock agrees with ours, as far as an answer over the network tells. */
import { ok, warn, type Finding } from './finding.ts';

/** Stamps of documents are Redis time; people compare logs of processes with them. */
const SKEW_MS = 1_000;

interface Span {
  readonly least: number;
  readonly most: number;
}

/** How far the clocks are apart at least, where one said a time of `told` at a time of `ours`. */
export const skewMs = (told: Span, ours: Span): number => Math.max(0, ours.least - told.most, told.least - ours.most);

export const clockFinding = (subject: string, offMs: number): Finding =>
  offMs > SKEW_MS
    ? warn(subject, `its clock is ${Math.round(offMs)} ms off ours`, 'let NTP set both clocks')
    : ok(subject, 'its clock agrees with ours');
