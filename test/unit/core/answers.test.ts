import { expect, it } from 'vitest';
import { answers } from '../../../src/core/answers.ts';
import { NodeBusyError, NodeUnreachableError } from '../../../src/errors.ts';

const node = (error?: Error) => ({
  version: () => (error === undefined ? Promise.resolve('1.19.0') : Promise.reject(error)),
});

it('a node answers unless it cannot be reached; what is no fault of a node is thrown', async () => {
  expect(await answers(node())).toBe(true);
  expect(await answers(node(new NodeBusyError('full')))).toBe(true);
  expect(await answers(node(new NodeUnreachableError('silent')))).toBe(false);
  await expect(answers(node(new Error('a mistake')))).rejects.toThrow('a mistake');
});
