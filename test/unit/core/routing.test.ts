import { expect, it } from 'vitest';
import { oldReaders } from '../../../src/core/routing.ts';

it('who was read before the switch is who is read still, or who was when documents came to be withheld', () => {
  expect(oldReaders({ readers: ['n1'] })).toEqual(['n1']);
  expect(oldReaders({ readers: ['n2'], withheld: { slots: [1], from: ['n1', 'n3'] } })).toEqual(['n1', 'n3']);
});
