/** Whether a node is there at all. */
import { NodeUnreachableError, isMiroirError } from '../errors.ts';

/** Whether it gives an answer of any kind: one that is busy, or refuses, has what it has. */
export async function answers(node: { version(): Promise<unknown> }): Promise<boolean> {
  try {
    await node.version();
    return true;
  } catch (error) {
    if (!isMiroirError(error)) throw error;
    return !(error instanceof NodeUnreachableError);
  }
}
