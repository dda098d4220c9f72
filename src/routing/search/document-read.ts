/** One document, from one owner of its shard. */
import { locateKey } from '../../core/hashing.ts';
import type { ClientAnswer, ReadOptions } from '../api.ts';
import { nodeError } from './error-answers.ts';
import { withoutOurs } from './own-fields.ts';
import { Refused, type Reading } from './reading.ts';
import type { ReadSnapshot } from './tables.ts';

/** Such an id would vanish from the address: the node, or a proxy before it, would answer for the path above. */
const VANISHES = /^\.{0,2}$/;

export function readDocument(
  reading: Reading,
  index: string,
  id: string,
  query: string,
  options: ReadOptions,
): Promise<ClientAnswer> {
  // Without its shard there is no answer at all, so there is no partial one.
  const whole = { signal: options.signal };
  const place = ({ entry }: Pick<ReadSnapshot, 'entry'>): { shard: number; slot: number } =>
    locateKey(id, entry.shards);
  return reading.within(
    index,
    whole,
    async ({ snapshot, ask }) => {
      if (VANISHES.test(id)) {
        throw new Refused(nodeError(404, 'document_not_found', `Document \`${id}\` not found.`));
      }
      const { shard, slot } = place(snapshot);
      const { parts } = await ask({
        shards: [shard],
        seed: slot,
        slot,
        ask: (node, _shards, _isAlone, limits) => node.document(index, id, query, limits),
        raw: null,
      });
      const text = parts[0]?.text ?? '{}';
      return { status: 200, headers: {}, body: withoutOurs(text, { start: 0, end: text.length }) };
    },
    (snapshot) => [place(snapshot).shard],
  );
}
