import { describe, expect, it } from 'vitest';
import {
  JOB_PHASES,
  MOVE_EVENTS,
  OUTCOMES,
  PHASES,
  TRANSITIONS,
  advance,
  isSwitched,
  phaseIndex,
  turnOf,
  type Phase,
} from '../../../src/core/move.ts';
import { pendingMove } from './world.ts';

const moveIn = (phase: Phase) => pendingMove({ phase, source: 'a', target: 'b', retires: 'a' });

const CASES = PHASES.flatMap((phase) =>
  MOVE_EVENTS.map((event) => {
    const step = TRANSITIONS[phase][event];
    const outcome = step?.outcome === undefined ? '' : ` (${step.outcome})`;
    return { phase, event, step, to: step === undefined ? 'refused' : step.phase + outcome };
  }),
);

describe('every phase with every event', () => {
  it.each(CASES.filter(({ step }) => step === undefined))('$phase + $event -> refused', ({ phase, event }) => {
    const move = moveIn(phase);
    expect(() => advance(move, event)).toThrow(expect.objectContaining({ code: 'miroir_illegal_transition' }));
    expect(move).toEqual(moveIn(phase));
  });

  it.each(CASES.filter(({ step }) => step !== undefined))('$phase + $event -> $to', ({ phase, event, step }) => {
    const move = moveIn(phase);
    expect(advance(move, event)).toEqual({ ...move, ...step });
    expect(move).toEqual(moveIn(phase));
  });

  it.each(OUTCOMES)('nothing happens to a move that is %s', (outcome) => {
    for (const phase of PHASES) {
      for (const event of MOVE_EVENTS) {
        expect(() => advance({ ...moveIn(phase), outcome }, event)).toThrow(/cannot be/);
      }
    }
  });
});

describe('the table', () => {
  it('leads through all phases in their order, one event each', () => {
    let move = moveIn('Idle');
    const seen: Phase[] = [move.phase];
    for (const event of ['tracked', 'copied', 'verified', 'settled', 'cleaned'] as const) {
      move = advance(move, event);
      seen.push(move.phase);
    }
    expect(seen).toEqual(PHASES);
    expect(move.outcome).toBe('done');
  });

  it('cancel and fail exist before the switch only', () => {
    for (const phase of PHASES) {
      expect(TRANSITIONS[phase].cancelled !== undefined).toBe(!isSwitched(phase));
      expect(TRANSITIONS[phase].failed !== undefined).toBe(!isSwitched(phase));
    }
  });

  it('every phase but Idle has a job', () => {
    expect(JOB_PHASES).toEqual(PHASES.filter((phase) => phase !== 'Idle'));
    expect(PHASES.map(phaseIndex)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('phase JSON round trip', () => {
    const move = moveIn('MigrationInProgress');
    const text = JSON.stringify(move);
    expect(text).toContain('"MigrationInProgress"');
    expect(JSON.parse(text)).toEqual(move);
  });
});

it('what is at work comes before what waits, and what is in its grace last', () => {
  const phases: readonly Phase[] = ['DualWriteStopped', 'Idle', 'OldReplicaDeleted', 'MigrationInProgress'];
  const sorted = phases.map((phase) => ({ phase })).sort((a, b) => turnOf(a) - turnOf(b));
  expect(sorted.map(({ phase }) => phase)).toEqual([
    'MigrationInProgress',
    'Idle',
    'DualWriteStopped',
    'OldReplicaDeleted',
  ]);
});
