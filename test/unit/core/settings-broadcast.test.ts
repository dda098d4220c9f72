import { describe, expect, it } from 'vitest';
import {
  aborted,
  BROADCAST_PHASES,
  committed,
  compared,
  mismatching,
  proposed,
  sent,
} from '../../../src/core/settings-broadcast.ts';
import { IllegalTransitionError } from '../../../src/errors.ts';

const begun = proposed('docs', 'f');
const verifying = sent(begun, { n1: 4 });

describe('a broadcast of settings', () => {
  it('goes from propose over verify to commit', () => {
    expect(BROADCAST_PHASES).toEqual(['Idle', 'Propose', 'Verify', 'Commit']);
    expect(begun).toMatchObject({ phase: 'Propose', proposed_fingerprint: 'f', verify_ok: false });
    expect(sent(verifying, { n2: 5 })).toMatchObject({ phase: 'Verify', node_task_uids: { n1: 4, n2: 5 } });
    const equal = compared(verifying, 'g', { n1: 'g', n2: 'g' });
    expect(equal).toMatchObject({ verify_ok: true, proposed_fingerprint: 'g', settings_version: null });
    expect(committed(equal, 3)).toMatchObject({ phase: 'Commit', settings_version: 3 });
  });

  it('does not commit what does not match, and names the nodes', () => {
    const unequal = compared(verifying, 'g', { n1: 'g', n2: 'wrong' });
    expect(mismatching(unequal)).toEqual(['n2']);
    expect(() => committed(unequal, 1)).toThrow(IllegalTransitionError);
    const given = aborted(unequal, 'hash mismatch on n2');
    expect(aborted(given, 'another').error).toBe('hash mismatch on n2');
    expect(() => committed({ ...given, verify_ok: true }, 1)).toThrow(IllegalTransitionError);
  });

  it('does not commit what nobody has shown', () => {
    expect(() => committed(compared(verifying, 'g', {}), 1)).toThrow(IllegalTransitionError);
  });

  it('takes no step in a wrong phase', () => {
    expect(() => compared(begun, 'g', {})).toThrow(IllegalTransitionError);
    expect(() => committed(begun, 1)).toThrow('in Propose cannot commit');
    const over = committed(compared(verifying, 'f', { n1: 'f' }), 1);
    expect(() => sent(over, {})).toThrow(IllegalTransitionError);
    expect(() => aborted(over, 'x')).toThrow(IllegalTransitionError);
  });
});
