// In which order files of tests run.

interface File {
  readonly moduleId: string;
}

/** Files that take longest, the longest first: begun late, one of them would run on alone at the end. */
export const SLOW = [
  'integration/demo',
  'model/model',
  'integration/node-health',
  'integration/page',
  'integration/cli',
  'integration/transcripts',
  'integration/workers',
  'integration/phases-crash',
  'integration/crash',
  'integration/planner-recovery',
  'integration/phases',
  'integration/phases-writes',
  'integration/lost-nodes',
  'integration/adopt',
  'integration/move',
  'integration/repair-lists',
];

const rank = ({ moduleId }: File): number => {
  const at = SLOW.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return at < 0 ? SLOW.length : at;
};

/** Slow files first, the others as they were. */
export const slowFirst = <T extends File>(files: readonly T[]): T[] => [...files].sort((a, b) => rank(a) - rank(b));
