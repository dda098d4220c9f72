/** Which indexes are being taken over, and how far. */
import type { Redis } from 'ioredis';
import { RECORD_VERSION, assertReadable } from '../core/version.ts';
import type { Adoption, Adoptions } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';

export const createAdoptions = ({ redis, scripts }: { redis: Redis; scripts: Scripts }): Adoptions => ({
  async read(index) {
    const text = await reading('an adoption', () => redis.hget(keys.adoptions, index));
    if (text === null) return null;
    const { v, ...adoption } = parseJson(text, `adoption of ${index}`) as Adoption & { readonly v: number };
    assertReadable(v, `adoption of ${index}`);
    return adoption;
  },
  async write(lease, index, adoption) {
    const text = adoption === null ? '' : JSON.stringify({ v: RECORD_VERSION, ...adoption });
    await scripts.run('field-set', [keys.lease(lease.scope), keys.adoptions], [lease.fence, index, text]);
  },
});
