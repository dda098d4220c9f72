// Answers of the control API as tests of the page make them up.
import type { MoveAnswer, NodeAnswer, PlanDetailsAnswer, Progress, RouteAnswer } from '../../../src/page/answers.ts';

export const aMove = (more: Partial<MoveAnswer> = {}): MoveAnswer => ({
  id: 'p1-0',
  plan: 'p1',
  index: 'cities',
  shard: 0,
  source: 'n1',
  target: 'n2',
  reason: 'balance',
  phase: 'Idle',
  outcome: null,
  docsMigrated: 0,
  documents: null,
  lastOffset: 0,
  differences: 0,
  note: null,
  ...more,
});

export const aNode = (id: string, more: Partial<NodeAnswer> = {}): NodeAnswer => ({
  id,
  group: 0,
  state: 'active',
  shards: 0,
  movesIn: 0,
  movesOut: 0,
  ...more,
});

export const aRoute = (shard: number, more: Partial<RouteAnswer> = {}): RouteAnswer => ({
  shard,
  state: 'stable',
  owners: ['n1'],
  readers: ['n1'],
  epoch: 1,
  ...more,
});

const PROGRESS: Progress = {
  moves: 10,
  settled: 0,
  cleaned: 0,
  cancelled: 0,
  failed: 0,
  running: 0,
  docsMigrated: 0,
  documents: 0,
  differences: 0,
  windowsVerified: 0,
};

export const aPlan = ({
  progress,
  ...more
}: Partial<Omit<PlanDetailsAnswer, 'progress'>> & {
  readonly progress?: Partial<Progress>;
} = {}): PlanDetailsAnswer => ({
  id: 'p1',
  why: 'NodeAdded n2',
  state: 'running',
  moves: 10,
  left: 10,
  blocked: [],
  createdAtMs: 1_000,
  startedAtMs: 1_000,
  endedAtMs: null,
  ...more,
  progress: { ...PROGRESS, ...progress },
});
