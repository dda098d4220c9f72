// The definition of what the search in linearizable.ts looks for, tried out on every order there is: for few operations.
import { apply } from './linearizable.ts';
import type { Operation, State } from './linearizable.ts';

/** Whether `first` has to come before `second`. */
export function precedes(first: Operation, second: Operation, readsInOrder: boolean): boolean {
  if (first.kind === 'read') {
    return (second.kind !== 'read' || readsInOrder) && first.endMs < second.startMs;
  }
  return (second.kind === 'read' ? first.endMs : first.orderedMs) < second.startMs;
}

export function everyOrderFails(operations: readonly Operation[], readsInOrder: boolean): boolean {
  return !canContinue(operations, null, readsInOrder);
}

function canContinue(left: readonly Operation[], state: State, readsInOrder: boolean): boolean {
  if (left.every(({ isOptional }) => isOptional)) return true;
  return left.some((one) => {
    const others = left.filter((other) => other !== one);
    // What is optional may never happen: nothing waits for it.
    if (others.some((other) => !other.isOptional && precedes(other, one, readsInOrder))) return false;
    const next = apply(state, one);
    return next !== undefined && canContinue(others, next, readsInOrder);
  });
}
