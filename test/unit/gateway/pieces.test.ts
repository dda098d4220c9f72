// Bodies of documents, cut between documents while they come in.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementsOf } from '../../../src/gateway/payload.ts';
import { type Collected, DocumentBytes } from '../../../src/gateway/pieces.ts';

const PIECE_BYTES = 64;

function collected(body: Buffer, isLines: boolean, stepBytes = 7): Collected {
  const bytes = new DocumentBytes(isLines, body.length, PIECE_BYTES);
  for (let at = 0; at < body.length; at += stepBytes) bytes.push(body.subarray(at, at + stepBytes));
  return bytes.end();
}

/** The body's elements as one array's text, whether it was cut or not. */
async function arrayOf(body: string, format: 'json' | 'ndjson', stepBytes: number): Promise<string | null> {
  const found = collected(Buffer.from(body), format === 'ndjson', stepBytes);
  if ('text' in found) return found.text;
  const elements = await elementsOf(found.pieces, format);
  return `[${elements.map((piece) => piece.toString('utf8')).join(',')}]`;
}

const documents = fc.array(fc.object({ key: fc.string({ unit: 'grapheme' }), maxDepth: 2 }), { maxLength: 20 });

describe('a body of documents', () => {
  it('is the same documents, wherever it was cut', async () => {
    await fc.assert(
      fc.asyncProperty(documents, fc.integer({ min: 1, max: 200 }), async (some, stepBytes) => {
        const body = JSON.stringify(some, null, 1);
        expect(JSON.parse((await arrayOf(body, 'json', stepBytes)) ?? '')).toEqual(JSON.parse(body));
        const lines = some.map((one) => JSON.stringify(one));
        const found = await arrayOf(lines.join('\n'), 'ndjson', stepBytes);
        const isCut = found?.startsWith('[') === true;
        expect(isCut ? JSON.parse(found) : found).toEqual(
          isCut ? JSON.parse(`[${lines.join(',')}]`) : lines.join('\n'),
        );
      }),
    );
  });

  it('comes in pieces of whole documents when it is large, and as text when it is small', () => {
    const large = collected(
      Buffer.from(JSON.stringify(Array.from({ length: 50 }, (_, id) => ({ id, t: '],"' })))),
      false,
    );
    expect('pieces' in large && large.pieces.length).toBeGreaterThan(10);
    expect(collected(Buffer.from('[{"id":1}]'), false)).toEqual({ text: '[{"id":1}]' });
    const one = Buffer.from(`{"id":1,"list":[${'1,'.repeat(500)}1]}`);
    expect(collected(one, false)).toEqual({ text: one.toString() });
  });

  it('is not cut within a document, however large that is', () => {
    const body = `[{"a":"${'x,{'.repeat(100)}"},{"b":[${'{"c":1},'.repeat(50)}0]},{"d":1}]`;
    const found = collected(Buffer.from(body), false);
    const pieces = 'pieces' in found ? found.pieces.map((piece) => piece.toString()) : [];
    expect(pieces.join(',')).toBe(body);
    expect(pieces[0]).toMatch(/^\[\{"a":"[^"]*"\}/);
  });

  it.each([
    ['a byte that never occurs', 0xff],
    ['half of a character', 0xc3],
  ])('is no text with %s in any piece', (_, byte) => {
    const body = Buffer.from(`[${'{"id":"aaaaaaaaaaaaaaaa"},'.repeat(20)}{"id":"z"}]`);
    for (const at of [20, 200, body.length - 4]) {
      const bad = Buffer.from(body);
      bad[at] = byte;
      expect(collected(bad, false)).toEqual({ text: null });
    }
  });

  it('is refused where the array does not end', async () => {
    const found = collected(Buffer.from(`[${'{"id":"aaaaaaaaaaaaaaaa"},'.repeat(20)}{"id":"z"}`), false);
    await expect(elementsOf('pieces' in found ? found.pieces : [], 'json')).rejects.toThrow(/malformed/);
  });
});
