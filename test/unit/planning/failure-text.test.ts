import { describe, expect, it } from 'vitest';
import {
  GroupConflictError,
  GroupNotDrainedError,
  GroupNotReadyError,
  IndexUnsplitError,
  InvalidInputError,
  InvariantError,
} from '../../../src/errors.ts';
import { failureFromText, failureText } from '../../../src/queue/failure-text.ts';

describe('a refused event as text', () => {
  it.each([
    new InvalidInputError('no id', { field: 'node_id', remedy: 'give one' }),
    new InvalidInputError('no id', { field: 'node_id' }),
    new IndexUnsplitError('3 of [4] documents [field: x] lack a slot', {
      field: 'index_uid',
      remedy: 'load\n  them again',
    }),
    new GroupConflictError('group 1 is there', { field: 'nodes', remedy: 'take another' }),
    new GroupNotReadyError('group 1 is syncing', { field: 'replica_group', remedy: 'wait' }),
    new GroupNotDrainedError('group 1 is active', { field: 'replica_group', remedy: 'drain it' }),
  ])('$message comes back as it was', (error) => {
    const back = failureFromText(failureText(error));
    expect(back).toBeInstanceOf(error.constructor);
    expect(back).toMatchObject({ code: error.code, message: error.message, field: error.field });
    expect(back.remedy).toBe(error.remedy?.replace(/\s+/g, ' '));
  });

  it('is one line of code, message, field and remedy', () => {
    const error = new InvalidInputError('no\nid', { field: 'node_id', remedy: 'give one' });
    expect(failureText(error)).toBe('miroir_invalid_input: no id [field: node_id] give one');
    expect(failureText(new InvalidInputError('no id', { remedy: 'give one' }))).toBe(
      'miroir_invalid_input: no id; give one',
    );
    expect(failureText(new Error('oops'))).toBe('miroir_invariant: oops');
  });

  it('takes what is not ours, or of a code that it does not know, for a defect', () => {
    expect(failureFromText('job stalled')).toBeInstanceOf(InvariantError);
    expect(failureFromText('miroir_from_the_future: x')).toMatchObject({ code: 'miroir_invariant', message: 'x' });
  });
});
