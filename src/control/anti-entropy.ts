/** Anti-entropy for operators: what its passes came to, and the next one at once. */
import type { Pass } from '../ports.ts';
import { type Asker, audited } from './audited.ts';
import type { StatusParts } from './status.ts';

/** Newest first; the one that goes on has no `completed_at`. */
export const listPasses = ({ passes }: Pick<StatusParts, 'passes'>): Promise<readonly Pass[]> => passes.list();

/** Reconcilers begin a pass as soon as the present one is over, without waiting for the schedule. */
export const wishPass = (parts: Pick<StatusParts, 'passes'> & Asker): Promise<void> =>
  audited(parts, 'anti-entropy run', {}, () => parts.passes.wish());
