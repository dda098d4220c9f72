// What the checker says: how many documents of each kind of fault, with examples, and what was looked at.
import type { Call } from './record.ts';
import type { Contradiction } from './timeline.ts';

/**
 * - `doubled`: an id twice in one answer.
 * - `diverged`: two owners with different values, each of which could be right.
 * - `unordered`: each answer could be right, and no order of the calls explains them all.
 * - `undecided`: out of steps, or something to look at was not there; proves nothing, so it is a fault.
 */
export const FAULTS = [
  'lost',
  'stale',
  'doubled',
  'resurrected',
  'missing',
  'phantom',
  'diverged',
  'unordered',
  'undecided',
] as const satisfies readonly (Contradiction | 'doubled' | 'diverged' | 'unordered' | 'undecided')[];
export type FaultKind = (typeof FAULTS)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly key: string;
  readonly text: string;
  /** The calls that contradict each other. */
  readonly calls: readonly Call[];
}

export interface Verdict {
  /** Documents with at least one fault of the kind. */
  readonly counts: Readonly<Record<FaultKind, number>>;
  /** Some of each kind. */
  readonly examples: readonly Fault[];
  /** Writes by outcome, one for each document of a batch; `acknowledged` are all with a 202, whatever came of their task. */
  readonly acknowledged: number;
  readonly applied: number;
  readonly failed: number;
  readonly refused: number;
  readonly unknown: number;
  /** Answered read calls. */
  readonly reads: number;
}

const EXAMPLES = 3;

/** Notes each document once for each kind. */
export class Findings {
  readonly #keys = new Map<FaultKind, Set<string>>(FAULTS.map((kind) => [kind, new Set()]));
  readonly #examples: Fault[] = [];

  note(fault: Fault): void {
    const keys = this.#keys.get(fault.kind);
    if (keys === undefined || keys.has(fault.key)) return;
    keys.add(fault.key);
    if (keys.size <= EXAMPLES) this.#examples.push(fault);
  }

  has(key: string): boolean {
    return [...this.#keys.values()].some((keys) => keys.has(key));
  }

  verdict(history: readonly Call[]): Verdict {
    const sums = { acknowledged: 0, applied: 0, failed: 0, refused: 0, unknown: 0, reads: 0 };
    for (const call of history) {
      if (call.is === 'read') {
        if (call.outcome === 'answered') sums.reads += 1;
        continue;
      }
      // A delete by filter touches what happens to match: it counts as one.
      const documents = call.kind === 'deleteByFilter' ? 1 : call.keys.length;
      if (call.outcome === 'refused') sums.refused += documents;
      else if (call.outcome === 'unknown' || call.outcome === 'open') sums.unknown += documents;
      else sums.acknowledged += documents;
      if (call.outcome === 'applied' || call.outcome === 'failed') sums[call.outcome] += documents;
    }
    const counts = Object.fromEntries(FAULTS.map((kind) => [kind, this.#keys.get(kind)?.size ?? 0])) as Record<
      FaultKind,
      number
    >;
    return { counts, examples: [...this.#examples], ...sums };
  }
}

export const isClean = ({ counts }: Verdict): boolean => FAULTS.every((kind) => counts[kind] === 0);

const clock = (ms: number | null): string => (ms === null ? '-' : ms.toFixed(1));

function callText(call: Call): string {
  const when = `${clock(call.invokedAtMs)}..${clock(call.answeredAtMs)}`;
  const who = `#${call.call} ${when} ${call.client}@${call.target} ${call.kind}`;
  if (call.is === 'read') return `${who} ${call.outcome}, saw ${call.seen.length}`;
  const task = call.taskUid === null ? '' : `, task ${call.taskUid} finished ${clock(call.finishedAtMs)}`;
  const keys = call.keys.length > 3 ? `${call.keys.length} documents` : call.keys.join(' ');
  return `${who} ${keys} ${call.value ?? ''} ${call.outcome}${task}${call.note === '' ? '' : ` (${call.note})`}`;
}

/** For people: the counts that are not zero, then the examples with their calls. */
export function describeVerdict(verdict: Verdict): string {
  const counted = FAULTS.filter((kind) => verdict.counts[kind] > 0).map((kind) => `${kind} ${verdict.counts[kind]}`);
  const lines = [counted.length === 0 ? 'clean' : counted.join(', ')];
  for (const { kind, text, calls } of verdict.examples) {
    lines.push(`${kind}: ${text}`, ...calls.map((call) => `    ${callText(call)}`));
  }
  return lines.join('\n');
}
