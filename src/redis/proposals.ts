/** Plans to be looked at, in Redis: the newest ones only, so that asking costs a bounded part of its memory. */
import type { Redis } from 'ioredis';
import { RECORD_VERSION, assertReadable } from '../core/version.ts';
import type { Proposals, Proposed } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';

/** Each some 200 bytes a node. */
const KEPT = 100;

export const createProposals = ({ redis, scripts }: { redis: Redis; scripts: Scripts }): Proposals => ({
  async read(id) {
    const text = await reading('a proposed plan', () => redis.hget(keys.proposals, id));
    if (text === null) return null;
    const { v, ...proposed } = parseJson(text, `proposed plan ${id}`) as Proposed & { readonly v: number };
    assertReadable(v, `proposed plan ${id}`);
    return proposed;
  },
  async write(proposed) {
    const text = JSON.stringify({ v: RECORD_VERSION, ...proposed });
    await scripts.run('proposal-write', [keys.proposals, keys.proposalsMade], [proposed.id, text, KEPT]);
  },
});
