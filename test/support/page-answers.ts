// Answers of the control API for a fleet that is too big to be started: for how the page copes with it.
interface BigFleet {
  readonly nodes: number;
  readonly shards: number;
  readonly moves: number;
}

const PHASES = ['DualWriteStarted', 'MigrationInProgress', 'Idle', 'Idle', 'DualWriteStopped'];
const page = (results: readonly unknown[]): object => ({
  results,
  total: results.length,
  limit: 1_000,
  from: null,
  next: null,
});

/** Null: as the API itself answers. With every question a few more documents are copied. */
export function bigFleet({ nodes, shards, moves }: BigFleet): (url: URL) => object | null {
  const nodeIds = Array.from({ length: nodes }, (_, at) => `n${at + 1}`);
  const of = (at: number): string => nodeIds[at % nodes] ?? '';
  const started = Array.from({ length: moves }, (_, at) => ({
    id: `p1-${at * 10}`,
    plan: 'p1',
    index: 'big',
    shard: (at * 10) % shards,
    source: of(at),
    target: of(at + 7),
    reason: 'balance',
    phase: PHASES[at % PHASES.length],
    level: false,
    outcome: null,
    docsMigrated: 0,
    documents: 90_000,
    lastOffset: (at * 7_919) % 65_536,
    differences: 0,
    lost: 0,
    lostIds: [],
    note: at % 50 === 0 ? 'target_unreachable: it does not answer' : null,
  }));
  const stateOf = (phase = ''): string =>
    ({ DualWriteStarted: 'tracking', MigrationInProgress: 'tracking', DualWriteStopped: 'settled' })[phase] ?? 'stable';
  const phases = new Map(started.map(({ shard, phase }) => [shard, phase]));
  const index = { uid: 'big', primaryKey: 'id', shards, replicationFactor: 1, groups: [0], moving: moves, copies: {} };
  const plan = {
    id: 'p1',
    why: 'NodeAdded n100',
    topologyVersion: 7,
    state: 'running',
    moves,
    left: moves,
    blocked: [],
    createdAtMs: Date.now() - 60_000,
    startedAtMs: Date.now() - 60_000,
    endedAtMs: null,
  };
  let asked = 0;
  return ({ pathname, searchParams }) => {
    switch (pathname) {
      case '/v1/topology':
        return {
          version: 7,
          covered: true,
          groups: [],
          nodes: nodeIds.map((id) => ({
            id,
            group: 0,
            state: 'active',
            shards: shards / nodes,
            movesIn: 10,
            movesOut: 10,
            inGrace: 2,
            lost: null,
            note: null,
            url: `http://${id}:7700`,
          })),
        };
      case '/v1/indexes':
        asked += 1;
        return page([{ ...index, epoch: asked }]);
      case '/v1/indexes/big':
        return {
          ...index,
          epoch: asked,
          routes: Array.from({ length: shards }, (_, shard) => ({
            shard,
            state: stateOf(phases.get(shard)),
            owners: [of(shard)],
            readers: [of(shard)],
            epoch: 1,
          })),
        };
      case '/v1/moves':
        return page(
          searchParams.get('state') === 'ended'
            ? []
            : started.map((move, at) => ({ ...move, docsMigrated: asked * (at % 100) })),
        );
      case '/v1/plans':
        return page([plan]);
      case '/v1/plans/p1':
        return {
          ...plan,
          progress: {
            moves,
            settled: 0,
            cleaned: 0,
            cancelled: 0,
            failed: 0,
            running: 400,
            docsMigrated: asked * 1_000,
            documents: 90_000_000,
            differences: 0,
            windowsVerified: asked,
          },
        };
      default:
        return null;
    }
  };
}
