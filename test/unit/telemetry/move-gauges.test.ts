import { afterEach, describe, expect, it } from 'vitest';
import { reasonOf } from '../../../src/core/reasons.ts';
import type { MoveState } from '../../../src/ports.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { setMoveGauges } from '../../../src/telemetry/observer.ts';

const metrics = createMetrics({ withProcess: false });
afterEach(() => metrics.close());

type GivenMove = Pick<MoveState, 'index' | 'shard' | 'phase' | 'waiting'>;
const move = (index: string, shard: number, phase: MoveState['phase'], reason?: string): GivenMove => ({
  index,
  shard,
  phase,
  waiting: reason === undefined ? null : { code: reasonOf(reason), reason, sinceMs: 0 },
});

async function runnable(moves: readonly GivenMove[]): Promise<Record<string, number>> {
  setMoveGauges(metrics, ['books', 'films'], moves);
  const { values } = await metrics.movesRunnable.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.index, value]));
}

describe('miroir_moves_runnable', () => {
  it('is there for each index, at 0 when nothing is to be done', async () => {
    expect(await runnable([])).toEqual({ books: 0, films: 0 });
  });

  it('counts what has begun, what may begin, and what waits for no more than a place in a process', async () => {
    const moves = [
      move('books', 0, 'MigrationInProgress'),
      move('books', 1, 'Idle'),
      move('books', 2, 'Idle', 'process_full: as many moves as it may'),
      move('films', 0, 'MigrationComplete', 'move_busy: another job of this move is at work'),
    ];
    expect(await runnable(moves)).toEqual({ books: 3, films: 1 });
  });

  it('leaves out what more processes would not help', async () => {
    const moves = [
      move('books', 0, 'DualWriteStopped', 'grace: the retiring copy is kept until it is over'),
      move('books', 1, 'Idle', 'target_full: as many moves as a node may have at a time'),
      move('films', 7, 'DualWriteStarted', 'miroir_node_unreachable: n4 does not answer'),
    ];
    expect(await runnable(moves)).toEqual({ books: 0, films: 0 });
  });

  it('counts a shard once, since its moves come one after the other', async () => {
    const moves = [move('books', 4, 'MigrationInProgress'), move('books', 4, 'Idle')];
    expect(await runnable(moves)).toEqual({ books: 1, films: 0 });
    const waits = move('books', 4, 'MigrationInProgress', 'source_failed: n1 has failed');
    expect(await runnable([move('books', 4, 'Idle'), waits])).toEqual({ books: 0, films: 0 });
  });

  it('forgets an index that is gone', async () => {
    await runnable([]);
    setMoveGauges(metrics, ['films'], []);
    expect((await metrics.movesRunnable.get()).values.map(({ labels }) => labels.index)).toEqual(['films']);
  });
});
