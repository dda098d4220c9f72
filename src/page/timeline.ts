/** The audit stream as lines that people read; the newest five hundred are kept. */
import type { AuditEvent } from './answers.ts';

export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'person';

export interface TimelineLine {
  readonly id: string;
  readonly atMs: number;
  readonly tone: Tone;
  readonly sign: string;
  readonly text: string;
  readonly move?: string;
  readonly plan?: string;
}

const KEPT = 500;
const NONE: ReadonlySet<string> = new Set();
const SIGNS: Readonly<Record<Tone, string>> = { plain: '·', good: '✓', warn: '!', bad: '✗', person: '▸' };

/** What the steps of a move are called in the stream, and what they say to people. */
const STEPS: Readonly<Record<string, readonly [Tone, string]>> = {
  tracking: ['plain', 'begins: writes are noted from here on'],
  DualWriteStarted: ['plain', 'is being copied'],
  MigrationInProgress: ['plain', 'copied, both copies are compared'],
  MigrationComplete: ['good', 'found equal'],
  held: ['plain', 'writes wait for the switch'],
  settling: ['good', 'switched: the new owner takes writes'],
  DualWriteStopped: ['good', 'settled: reads come from the new owner'],
  OldReplicaDeleted: ['good', 'done: the old copy is gone'],
  stamped: ['plain', 'documents are stamped'],
  'back-pressure': ['warn', 'writes are slowed so that the copy catches up'],
  deleting: ['plain', 'the old copy begins to go'],
  done: ['good', 'done: the old copy is gone'],
  cancelled: ['warn', 'cancelled and taken back'],
  failed: ['bad', 'failed'],
  reverted: ['warn', 'reverted'],
};

const atMsOf = (id: string): number => Number(id.split('-', 1)[0]);

/** `names`: what a move is called, `cities/17 n1→n4`, as far as it is known; `cancelled`: plans that were. */
export function lineOf(
  { id, fields }: AuditEvent,
  names: ReadonlyMap<string, string>,
  cancelled: ReadonlySet<string> = NONE,
): TimelineLine {
  const { what = '', move, plan } = fields;
  const [tone, text] = wordsOf(what, fields, names, cancelled);
  const line = { id, atMs: atMsOf(id), tone, sign: SIGNS[tone], text };
  return { ...line, ...(move === undefined ? {} : { move }), ...(plan === undefined ? {} : { plan }) };
}

type Fields = AuditEvent['fields'];

function wordsOf(
  what: string,
  fields: Fields,
  names: ReadonlyMap<string, string>,
  cancelled: ReadonlySet<string>,
): readonly [Tone, string] {
  const { move, plan, why = '' } = fields;
  // `verb` is of a version before.
  if (what === 'asked' || what === 'refused' || what === 'verb') return verbWords(fields);
  if (move !== undefined) {
    const [tone, words] = STEPS[what] ?? ['plain', what.replaceAll(/[_-]/g, ' ')];
    const epoch = (fields['epoch'] ?? '') === '' ? '' : ` · epoch ${fields['epoch']}`;
    return [tone, `${names.get(move) ?? move} ${words}${epoch}`];
  }
  switch (what) {
    case 'topology':
      return ['plain', `topology version ${fields['version']}: ${why}`];
    case 'plan':
      if (why === 'done' && cancelled.has(plan ?? '')) return ['warn', `plan ${plan} is over: it was cancelled`];
      return [why === 'done' ? 'good' : 'plain', `plan ${plan} ${why}`];
    case 'index':
      return ['plain', `index ${fields['index']}: ${why}`];
    case 'frozen':
      return ['bad', `${fields['index']}/${fields['shard']} frozen: Redis has lost writes about it`];
    case 'thawed':
      return ['good', `${fields['index']}/${fields['shard']} thawed`];
    default:
      return ['plain', [what, ...restOf(fields, ['what'])].join(' ')];
  }
}

function verbWords(fields: Fields): readonly [Tone, string] {
  const { what, verb = '', actor = 'somebody', refused = what === 'refused' ? fields['code'] : undefined } = fields;
  const words = [
    `${actor} ${what === 'asked' ? 'asks' : 'asked'}: ${verb}`,
    ...restOf(fields, ['what', 'verb', 'actor', 'refused', 'code']),
  ].join(' ');
  return refused === undefined ? ['person', words] : ['warn', `${words} – refused: ${refused}`];
}

const restOf = (fields: Fields, without: readonly string[]): readonly string[] =>
  Object.entries(fields).flatMap(([name, value]) =>
    without.includes(name) || value === '' ? [] : [`${name}=${value}`],
  );

/** Newest first. An entry that came before comes a second time only after a gap in the connection. */
export function withEvents(kept: readonly AuditEvent[], news: readonly AuditEvent[]): readonly AuditEvent[] {
  const known = new Set(kept.map(({ id }) => id));
  const fresh = news.filter(({ id }) => !known.has(id));
  return fresh.length === 0 ? kept : [...fresh.toReversed(), ...kept].slice(0, KEPT);
}
