import { isUtf8 } from 'node:buffer';

import { Slicer } from './clock.ts';
import { ApiError } from './errors.ts';
import { JsonScanner } from './json-scan.ts';
import { JsonSyntaxError } from './json-syntax-error.ts';

/** Goes through the documents of a payload: one object, an array of objects, or lines. */
export class PayloadCursor {
  private readonly scanner: JsonScanner;
  private readonly isLines: boolean;
  private place: 'start' | 'first' | 'inside' | 'end' = 'start';

  constructor(scanner: JsonScanner, isLines: boolean) {
    this.scanner = scanner;
    this.isLines = isLines;
  }

  /** Moves to the next document's opening brace; the caller then scans the document. */
  next(): boolean {
    const { scanner } = this;
    scanner.skipSpace();
    if (this.isLines) {
      if (scanner.isAtEnd()) return false;
      if (this.current() !== '{') {
        scanner.scanValue();
        throw new ApiError('internal', 'invalid type: sequence, expected a map at line 1 column 0');
      }
      return true;
    }
    if (this.place === 'start') {
      this.place = 'end';
      if (this.current() === '{') return true;
      if (this.current() !== '[') {
        scanner.scanValue();
        throw new ApiError('malformed_payload', 'data are neither an object nor a list of objects');
      }
      scanner.pos += 1;
      scanner.skipSpace();
      this.place = 'first';
    }
    if (this.place === 'end') {
      if (!scanner.isAtEnd()) scanner.fail('trailing characters');
      return false;
    }
    return this.nextInArray();
  }

  private nextInArray(): boolean {
    const { scanner } = this;
    if (scanner.isAtEnd()) scanner.failAtEnd('a list');
    if (this.current() === ']') {
      scanner.pos += 1;
      scanner.skipSpace();
      this.place = 'end';
      if (!scanner.isAtEnd()) scanner.fail('trailing characters');
      return false;
    }
    if (this.place === 'inside') {
      if (this.current() !== ',') scanner.fail('expected `,` or `]`');
      scanner.pos += 1;
      scanner.skipSpace();
      if (this.current() === ']') scanner.fail('trailing comma');
    }
    this.place = 'inside';
    if (this.current() !== '{') {
      scanner.scanValue();
      throw new JsonSyntaxError('trailing characters', scanner.pos + 1);
    }
    return true;
  }

  private current(): string | undefined {
    return this.scanner.text[this.scanner.pos];
  }
}

/** Checks a payload and counts its documents, in slices. Throws the errors with which a request is refused. */
export async function countDocuments(payload: Buffer, isLines: boolean): Promise<number> {
  const format = isLines ? 'ndjson' : 'json';
  const text = payload.toString('latin1', 0, payload.length);
  try {
    checkUtf8(payload, text);
    const scanner = new JsonScanner(text);
    const cursor = new PayloadCursor(scanner, isLines);
    const slicer = new Slicer();
    let count = 0;
    while (cursor.next()) {
      scanner.scanValue();
      count += 1;
      if (count % 256 === 0 && slicer.isDue()) await slicer.rest();
    }
    return count;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw malformed(format, error.locate(text));
    if (error instanceof ApiError && error.code === 'malformed_payload') throw malformed(format, error.message);
    throw error;
  }
}

function malformed(format: string, reason: string): ApiError {
  return new ApiError(
    'malformed_payload',
    `The \`${format}\` payload provided is malformed. \`Couldn't serialize document value: ${reason}\`.`,
  );
}

function checkUtf8(payload: Buffer, text: string): void {
  if (isUtf8(payload)) return;
  const decoded = Buffer.from(payload.toString('utf8'));
  let at = 0;
  while (payload[at] === decoded[at]) at += 1;
  const quote = text.indexOf('"', at);
  throw new JsonSyntaxError('invalid unicode code point', quote < 0 ? at : quote + 1);
}
