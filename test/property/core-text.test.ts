import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WindowDigest, canonicalDocument, digestPage, sameDocument } from '../../src/core/digest.ts';
import { resultsSpan } from '../../src/core/fetch-page.ts';
import { fieldSpan, scalarText, splitArray, splitKeyed, valueEnd } from '../../src/core/json-text.ts';

/** Numbers that print as they are read, so that JSON.parse may serve as the reference. */
const numberArb = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0.5 : value)),
);
const keyArb = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('id', 'a', 'b', '_miroir_shard', 'é', '😀'),
);
const { value: valueArb } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    numberArb,
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(keyArb, tie('value'), { maxKeys: 5 }),
  ),
}));
const documentArb = fc.dictionary(keyArb, valueArb, { maxKeys: 8 }) as fc.Arbitrary<Record<string, unknown>>;

/** Another text of the same value: keys in another order, white space, escapes. */
function respell(value: unknown, seed: number): string {
  const space = [' ', '\n', '\t\r', ''][seed % 4]!;
  const next = (Math.imul(seed, 31) + 7) >>> 0;
  if (typeof value === 'string') return seed % 2 === 0 ? JSON.stringify(value) : escapeAll(value);
  if (Array.isArray(value)) return `[${value.map((each) => space + respell(each, next)).join()}${space}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(
      ([key, each]) => `${space}${respell(key, next)}${space}:${space}${respell(each, next)}`,
    );
    return `{${(seed % 3 === 0 ? entries : entries.reverse()).join()}${space}}`;
  }
  return JSON.stringify(value);
}

const escapeAll = (text: string): string =>
  `"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;

/** The dumb canonical form: parse, sort, print. */
function dumb(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(dumb).join()}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${dumb(each)}`).join()}}`;
  }
  if (typeof value === 'number') return /^-?\d+$/.test(JSON.stringify(value)) ? JSON.stringify(value) : `d${value}`;
  return JSON.stringify(value);
}

/** Integers from 1e17 on are doubles to JSON.parse, but integers to a node; the reference does not know them. */
const isPlain = (text: string): boolean => !/\d{17}/.test(text);

describe('canonical text', () => {
  it('is that of the dumb implementation', () => {
    fc.assert(
      fc.property(documentArb, (document) => {
        const text = JSON.stringify(document);
        fc.pre(isPlain(text));
        expect(canonicalDocument(text)).toBe(dumb(JSON.parse(text)));
      }),
      { numRuns: 2000 },
    );
  });

  it('does not depend on the order of fields, white space or escapes', () => {
    fc.assert(
      fc.property(documentArb, fc.nat(1000), (document, seed) => {
        const [text, other] = [JSON.stringify(document), respell(document, seed)];
        expect(canonicalDocument(other)).toBe(canonicalDocument(text));
        expect(sameDocument(text, other)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('differs where documents differ', () => {
    fc.assert(
      fc.property(documentArb, documentArb, (a, b) => {
        const [one, two] = [JSON.stringify(a), JSON.stringify(b)];
        fc.pre(isPlain(one) && isPlain(two));
        const isEqual = dumb(JSON.parse(one)) === dumb(JSON.parse(two));
        expect(canonicalDocument(one) === canonicalDocument(two)).toBe(isEqual);
        expect(sameDocument(one, two) || !isEqual).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('digests', () => {
  it('are one whatever the order of documents, the pages and the spelling', () => {
    fc.assert(
      fc.property(fc.array(documentArb, { maxLength: 12 }), fc.nat(12), fc.nat(1000), (documents, at, seed) => {
        const pages = new WindowDigest();
        pages.addPage(
          `[${documents
            .slice(at)
            .map((each) => respell(each, seed))
            .join()}]`,
        );
        for (const each of documents.slice(0, at)) pages.add(JSON.stringify(each));
        const whole = digestPage(JSON.stringify(documents));
        expect(pages.equals(whole)).toBe(true);
        expect(whole.count).toBe(documents.length);
      }),
      { numRuns: 500 },
    );
  });
});

describe('walking', () => {
  it('splits what JSON.parse reads, and finds every field', () => {
    fc.assert(
      fc.property(fc.array(documentArb, { maxLength: 6 }), fc.nat(1000), (documents, seed) => {
        const text = respell(documents, seed);
        const spans = splitArray(text);
        expect(spans.map(({ start, end }) => JSON.parse(text.slice(start, end)) as unknown)).toEqual(documents);
        const name = Object.keys(documents[0] ?? {})[0] ?? 'id';
        expect(splitKeyed(text, name)).toEqual(
          spans.map((span) => ({ span, field: fieldSpan(text, span.start, span.end, name) })),
        );
        for (const [i, { start, end }] of spans.entries()) {
          for (const [key, value] of Object.entries(documents[i]!)) {
            const span = fieldSpan(text, start, end, key)!;
            expect(JSON.parse(text.slice(span.start, span.end))).toEqual(value);
            const isText = typeof value === 'string';
            expect(isText ? scalarText(text, span.start, span.end) : value).toBe(value);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('accepts and refuses what JSON.parse does', () => {
    const partArb = fc.constantFrom(
      ...Array.from('{}[]":,.-+eE019tn\\u \n'),
      'true',
      'null',
      'false',
      '"a"',
      '1.5',
      '"a":',
    );
    fc.assert(
      fc.property(fc.array(partArb, { maxLength: 8 }), (parts) => {
        const text = parts.join('').trim();
        const accepts = (read: () => unknown): boolean => {
          try {
            read();
            return true;
          } catch {
            return false;
          }
        };
        const parsed = accepts(() => JSON.parse(text));
        expect(accepts(() => canonicalDocument(text))).toBe(parsed);
        expect(accepts(() => valueEnd(text, 0, text.length)) && valueEnd(text, 0, text.length) === text.length).toBe(
          parsed,
        );
      }),
      { numRuns: 5000 },
    );
  });

  it('finds the documents of a page in text and bytes, whatever the order of its fields', () => {
    fc.assert(
      fc.property(fc.array(documentArb, { maxLength: 5 }), fc.nat(1e9), fc.nat(1000), (documents, total, seed) => {
        const results = JSON.stringify(documents);
        const fields = [`"results":${results}`, '"offset":0', '"limit":1000', `"total":${total}`];
        for (const page of [
          `{${fields.join()}}`,
          `{${fields.toReversed().join()}}`,
          respell({ x: 1, results: documents, offset: 0, limit: 1000, total }, seed),
        ]) {
          const span = resultsSpan(page);
          expect(JSON.parse(page.slice(span.start, span.end))).toEqual(documents);
          const bytes = Buffer.from(page);
          const inBytes = resultsSpan(bytes);
          // Lone surrogates become U+FFFD in bytes, so the texts are compared after that.
          expect(bytes.subarray(inBytes.start, inBytes.end).toString()).toBe(
            Buffer.from(page.slice(span.start, span.end)).toString(),
          );
          expect(inBytes.total).toBe(total);
        }
      }),
      { numRuns: 300 },
    );
  });
});
