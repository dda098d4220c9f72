// A large write's documents, kept as bytes: what is sent is what splitting them as one text gives.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DocumentStore } from '../../../src/routing/document-store.ts';
import { cut, idCountOf, type Part, storedPayload } from '../../../src/routing/router/payload.ts';
import { splitDocuments } from '../../../src/routing/split.ts';

const ENTRY = { uid: 'i', shards: 4, primaryKey: 'id' };
const NOW = 1_700_000_000_123;

function storeOf(pieces: readonly string[]): DocumentStore {
  const store = new DocumentStore(ENTRY);
  for (const piece of pieces) store.add(Buffer.from(piece));
  return store;
}

async function sent(store: DocumentStore, parts: readonly Part[]): Promise<string> {
  let body = '';
  const node = {
    writeDocuments: async (_: string, write: { documents: Buffer }) => {
      body = write.documents.toString();
      return { status: 202 };
    },
  };
  await storedPayload(ENTRY, 'replace', store).send(node as never, parts, '', NOW, {} as never);
  return body;
}

const documentText = fc
  .record({
    id: fc.oneof(
      fc.integer().map(String),
      fc.stringMatching(/^[\w-]{1,40}$/).map((id) => JSON.stringify(id)),
      fc.constant('"\\u0061b"'),
    ),
    text: fc.string({ unit: 'grapheme' }),
  })
  .map(({ id, text }) => `{"t":${JSON.stringify(text)}, "id": ${id} }`);

describe('the documents of a large write', () => {
  it('are sent and named as those of a small one', async () => {
    const pieces = fc.array(fc.array(documentText, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(pieces, async (texts) => {
        const store = storeOf(texts.map((some) => some.join(' , ')));
        const { parts } = storedPayload(ENTRY, 'replace', store);
        const split = splitDocuments(`[${texts.flat().join(',')}]`, ENTRY, { now: () => NOW });
        expect(parts.map(({ shard }) => shard)).toEqual([...split.keys()]);
        for (const part of parts) {
          const { ids, documents } = split.get(part.shard)!;
          expect([part.ids, idCountOf(part)]).toEqual([ids, ids.length]);
          const body = await sent(store, [part]);
          expect(body).toBe(`[${documents.join(',')}]`);
          expect(part.bytes).toBe(Buffer.byteLength(body) - 1);
        }
        expect(store.count).toBe(texts.flat().length);
        expect(JSON.parse(await sent(store, parts))).toHaveLength(store.count);
      }),
    );
  });

  it('are cut in order, and at least one goes', async () => {
    const store = new DocumentStore({ ...ENTRY, shards: 1 });
    for (const ids of [
      [1, 2, 3],
      [4, 5],
    ])
      store.add(Buffer.from(ids.map((id) => `{"id":${id}}`).join(',')));
    const [whole] = storedPayload(ENTRY, 'update', store).parts;
    const one = store.sizeOf(0, 0);
    const [first, rest] = cut(whole!, one * 3 + 1);
    expect([first.ids, rest?.ids]).toEqual([
      ['1', '2', '3'],
      ['4', '5'],
    ]);
    expect(first.bytes + (rest?.bytes ?? 0)).toBe(whole!.bytes);
    expect(cut(whole!, 1).map((part) => part?.ids)).toEqual([['1'], ['2', '3', '4', '5']]);
    expect(cut(whole!, whole!.bytes)).toEqual([whole, null]);
  });

  it('are cut where a script would have too many ids to go through, however small they are', () => {
    const store = new DocumentStore({ ...ENTRY, shards: 1 });
    store.add(Buffer.from(Array.from({ length: 20_001 }, (_, id) => `{"id":${id}}`).join(',')));
    const [whole] = storedPayload(ENTRY, 'replace', store).parts;
    const [first, rest] = cut(whole!, whole!.bytes);
    expect([first.ids.length, rest?.ids]).toEqual([20_000, ['20000']]);
  });

  it('are written over what was given back, and over nothing else', () => {
    const store = storeOf(['{"id":"a"}', '{"id":"b"}']);
    const { parts } = storedPayload(ENTRY, 'replace', store);
    const all = [...store.shards].map(([shard, { documents }]) => ({ shard, documents }));
    const kept = store.arrayOf(all, NOW);
    const text = kept.toString();
    const given = store.arrayOf(all, NOW);
    expect(given.buffer).not.toBe(kept.buffer);
    store.giveBack(given);
    const again = store.arrayOf(all.slice(0, 1), NOW);
    expect(again.buffer).toBe(given.buffer);
    expect(JSON.parse(again.toString())).toHaveLength(parts[0]?.ids.length ?? 0);
    expect(kept.toString()).toBe(text);
  });

  it('are written over the smallest array that fits', () => {
    const long = 'x'.repeat(1_500_000);
    const store = storeOf([`{"id":"a","long":"${long}"}`, '{"id":"b"}']);
    const of = (id: string) =>
      [...store.shards].flatMap(([shard, { documents }]) => {
        const some = documents.filter((document) => store.idOf(document) === id);
        return some.length === 0 ? [] : [{ shard, documents: some }];
      });
    const [large, small] = [store.arrayOf(of('a'), NOW), store.arrayOf(of('b'), NOW)];
    for (const array of [large, small]) store.giveBack(array);
    expect(store.arrayOf(of('b'), NOW).buffer).toBe(small.buffer);
    expect(store.arrayOf(of('a'), NOW).buffer).toBe(large.buffer);
  });

  it('are refused by their place in the whole write, and so is a piece without any', () => {
    const store = storeOf(['{"id":1},{"id":2}']);
    expect(() => store.add(Buffer.from('{"id":3},{"no":1}'))).toThrow(/^document 3 /);
    for (const piece of ['', ' ', '{"id":1},', ',{"id":1}', '{"id":1}]', '{"id":1}] [{"id":2}'])
      expect(() => store.add(Buffer.from(piece)), piece).toThrow(/malformed/);
  });
});
