/** One document, from one owner of its shard. */
import { locateKey } from '../../core/hashing.ts';
import type { ClientAnswer, ReadOptions } from '../api.ts';
import { withoutOurs } from './own-fields.ts';
import type { Reading } from './reading.ts';
import type { ReadSnapshot } from './tables.ts';

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
