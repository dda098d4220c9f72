import { ApiError, DOCUMENT_ID_RULE } from './errors.ts';
import type { DocumentFacets, FacetSet } from './facet-set.ts';
import { FieldSpans, JsonScanner } from './json-scan.ts';
import { storedText } from './json-tree.ts';
import type { Shape, ShapeTable } from './shapes.ts';
import { readVectors, type DocumentVectors } from './vectors.ts';

/** A document as it is kept: its text in stored form, and what was learned from it on the way. */
export interface StoredDocument {
  readonly text: string;
  readonly shape: Shape;
  readonly facets: DocumentFacets;
  readonly vectors: DocumentVectors | null;
}

/** Text that is being scanned and a way to cut pieces out of it. */
export interface TextSource {
  /** Invariant: offsets into `text` are the offsets that `slice` takes. */
  readonly text: string;
  /** The piece as characters; must not keep the whole source alive. */
  slice(start: number, end: number): string;
}

/** A payload: scanned as latin1, so that offsets are byte offsets, and cut as UTF-8. */
export function payloadSource(bytes: Buffer): TextSource {
  return {
    text: bytes.toString('latin1', 0, bytes.length),
    slice: (start, end) => bytes.toString('utf8', start, end),
  };
}

function textSource(text: string): TextSource {
  return { text, slice: (start, end) => text.slice(start, end) };
}

/** Where a document stands in its source. */
interface Piece {
  readonly start: number;
  readonly end: number;
  /** Invariant: what is in stored form already is not normalised again, which could move a small double. */
  readonly isStored: boolean;
}

/** What documents with the same keys in the same order have in common. */
interface IncomingShape {
  readonly keys: readonly string[];
  readonly shape: Shape;
  /** Index of the span for each place of the shape; null when the fields already are in stored order. */
  readonly order: readonly number[] | null;
  readonly idSpan: number;
  readonly vectorSpan: number;
}

const DOCUMENT_ID = /^[A-Za-z0-9_-]{1,511}$/;

/** Reads documents of one index. Cost: about one microsecond for 256 bytes when the keys repeat. */
export class DocumentReader {
  private readonly shapes: ShapeTable;
  private readonly facets: FacetSet;
  private readonly primaryKey: string | null;
  private readonly known = new Map<string, IncomingShape>();
  private last: IncomingShape | null = null;
  private readonly spans = new FieldSpans();

  constructor(shapes: ShapeTable, facets: FacetSet, primaryKey: string | null) {
    this.shapes = shapes;
    this.facets = facets;
    this.primaryKey = primaryKey;
    if (primaryKey !== null) shapes.fieldNumber(primaryKey);
  }

  /** Reads the object at the scanner's place. Throws the errors that fail a task. */
  read(scanner: JsonScanner, source: TextSource): { id: string; document: StoredDocument } {
    const start = scanner.pos;
    scanner.scanObject(this.spans);
    const incoming = this.incomingShape(source);
    return {
      id: this.readId(incoming, source, start, scanner.pos),
      document: this.build(incoming, source, { start, end: scanner.pos, isStored: false }),
    };
  }

  /** Reads a document that already is in stored form. */
  readStored(text: string): StoredDocument {
    const scanner = new JsonScanner(text);
    const source = textSource(text);
    scanner.scanObject(this.spans);
    return this.build(this.incomingShape(source), source, { start: 0, end: text.length, isStored: true });
  }

  private build(incoming: IncomingShape, source: TextSource, piece: Piece): StoredDocument {
    const { spans } = this;
    const { order, shape } = incoming;
    const valueText = (position: number): string => {
      const span = order ? (order[position] as number) : position;
      return source.slice(spans.valueStart[span] as number, spans.valueEnd[span] as number);
    };
    let text: string;
    if (order === null && (piece.isStored || spans.isPlain)) text = source.slice(piece.start, piece.end);
    else {
      const pieces = shape.names.map((name, position) => {
        const value = valueText(position);
        const isPlain = piece.isStored || spans.isValuePlain[order ? (order[position] as number) : position];
        return `${JSON.stringify(name)}:${isPlain ? value : storedText(value)}`;
      });
      text = `{${pieces.join(',')}}`;
    }
    const vectors = incoming.vectorSpan < 0 ? null : readVectors(this.spanText(source, incoming.vectorSpan));
    return { text, shape, facets: this.facets.read(shape, valueText), vectors };
  }

  private spanText(source: TextSource, span: number): string {
    return source.slice(this.spans.valueStart[span] as number, this.spans.valueEnd[span] as number);
  }

  private readId(incoming: IncomingShape, source: TextSource, start: number, end: number): string {
    if (incoming.idSpan < 0) {
      const text = storedText(source.slice(start, end));
      throw new ApiError(
        'missing_document_id',
        `Document doesn't have a \`${this.primaryKey}\` attribute: \`${text}\`.`,
      );
    }
    const raw = this.spanText(source, incoming.idSpan);
    const text = this.spans.isValuePlain[incoming.idSpan] ? raw : storedText(raw);
    const id = documentId(text);
    if (id !== null) return id;
    throw new ApiError('invalid_document_id', `Document identifier \`${text}\` is invalid. ${DOCUMENT_ID_RULE}`);
  }

  private incomingShape(source: TextSource): IncomingShape {
    const { spans, last } = this;
    if (last && this.hasKeys(last, source.text)) return last;
    const keys: string[] = [];
    for (let i = 0; i < spans.count; i += 1) {
      keys.push(source.text.slice(spans.keyStart[i], spans.keyEnd[i]));
    }
    const joined = keys.join('"');
    let incoming = this.known.get(joined);
    if (!incoming) {
      incoming = this.learn(keys, source);
      this.known.set(joined, incoming);
    }
    this.last = incoming;
    return incoming;
  }

  private hasKeys(known: IncomingShape, text: string): boolean {
    const { spans } = this;
    const { keys } = known;
    if (keys.length !== spans.count) return false;
    for (let i = 0; i < keys.length; i += 1) {
      const key = keys[i] as string;
      const start = spans.keyStart[i] as number;
      if ((spans.keyEnd[i] as number) - start !== key.length || !text.startsWith(key, start)) return false;
    }
    return true;
  }

  private learn(keys: readonly string[], source: TextSource): IncomingShape {
    const { spans } = this;
    // Equal keys: the last one counts.
    const spanOf = new Map<string, number>();
    for (let i = 0; i < spans.count; i += 1) {
      const raw = source.slice(spans.keyStart[i] as number, spans.keyEnd[i] as number);
      spanOf.set(raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw, i);
    }
    const idSpan = this.primaryKey === null ? -1 : (spanOf.get(this.primaryKey) ?? -1);
    const vectorSpan = spanOf.get('_vectors') ?? -1;
    spanOf.delete('_vectors');
    const entries = [...spanOf].map(([name, span]) => ({ name, span, number: this.shapes.fieldNumber(name) }));
    entries.sort((a, b) => a.number - b.number);
    const isInOrder = entries.length === keys.length && entries.every((entry, i) => entry.span === i);
    return {
      keys: [...keys],
      shape: this.shapes.shapeOf(entries.map((entry) => entry.name)),
      order: isInOrder ? null : entries.map((entry) => entry.span),
      idSpan,
      vectorSpan,
    };
  }
}

/** The id that a stored value stands for, or null when it is none: `1` and `"1"` are the same document. */
export function documentId(valueText: string): string | null {
  const id = valueText.startsWith('"') ? (JSON.parse(valueText) as string) : valueText;
  if (!valueText.startsWith('"') && !/^-?\d+$/.test(valueText)) return null;
  return DOCUMENT_ID.test(id) ? id : null;
}

/** The fields of a stored document with the text of their values. */
export function storedFields(text: string): Map<string, string> {
  const spans = new FieldSpans();
  new JsonScanner(text).scanObject(spans);
  const fields = new Map<string, string>();
  for (let i = 0; i < spans.count; i += 1) {
    const key = text.slice(spans.keyStart[i], spans.keyEnd[i]);
    const name = key.includes('\\') ? (JSON.parse(`"${key}"`) as string) : key;
    fields.set(name, text.slice(spans.valueStart[i], spans.valueEnd[i]));
  }
  return fields;
}

/** A stored document with the fields of another put over it, as PUT does; the result still has to be read. */
export function mergedText(below: string, above: string): string {
  const fields = storedFields(below);
  for (const [name, value] of storedFields(above)) fields.set(name, value);
  return `{${[...fields].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}
