import { JsonSyntaxError } from './json-syntax-error.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** Limit: deeper values are accepted and then fail their batch, as on a real node. */
export const NESTING_MAX = 127;

const isDigit = (c: number): boolean => c >= ZERO && c <= NINE;

/** Start and end of the keys (without quotes) and values of one object, reused from document to document. */
export class FieldSpans {
  count = 0;
  readonly keyStart: number[] = [];
  readonly keyEnd: number[] = [];
  readonly isKeyPlain: boolean[] = [];
  readonly valueStart: number[] = [];
  readonly valueEnd: number[] = [];
  readonly isValuePlain: boolean[] = [];
  /** True when the whole object is already in stored form: no white space, no text that would be written otherwise. */
  isPlain = true;
}

/**
 * Walks over JSON text without building values.
 * Why: documents are kept and given out as text; all that has to be known is where their fields begin and end.
 * The text may be the bytes of a payload read as latin1, since everything that has a meaning in JSON is ASCII.
 */
export class JsonScanner {
  readonly text: string;
  pos: number;
  /** Cleared by anything whose stored form would differ from what was read. */
  isPlain = true;

  constructor(text: string, pos = 0) {
    this.text = text;
    this.pos = pos;
  }

  skipSpace(): void {
    const { text } = this;
    let i = this.pos;
    let c = text.charCodeAt(i);
    if (c > 0x20 || !(c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09)) return;
    this.isPlain = false;
    do c = text.charCodeAt(++i);
    while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09);
    this.pos = i;
  }

  isAtEnd(): boolean {
    return this.pos >= this.text.length;
  }

  fail(reason: string): never {
    throw new JsonSyntaxError(reason, this.pos);
  }

  failAtEnd(inside: string): never {
    throw new JsonSyntaxError(`EOF while parsing ${inside}`, this.text.length, true);
  }

  /** `pos` is at the opening quote; ends behind the closing one. */
  scanString(): void {
    const { text } = this;
    let i = this.pos + 1;
    for (;;) {
      const c = text.charCodeAt(i);
      if (c === QUOTE) break;
      if (c === BACKSLASH) {
        this.isPlain = false;
        i = this.scanEscape(i);
      } else if (c < 0x20) {
        this.pos = i;
        this.fail('control character (\\u0000-\\u001F) found while parsing a string');
      } else if (c !== c) this.failAtEnd('a string');
      else i += 1;
    }
    this.pos = i + 1;
  }

  private scanEscape(at: number): number {
    const c = this.text[at + 1];
    if (c === undefined) this.failAtEnd('a string');
    if ('"\\/bfnrt'.includes(c)) return at + 2;
    this.pos = at + 1;
    if (c !== 'u') this.fail('invalid escape');
    const hex = this.text.slice(at + 2, at + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) {
      if (at + 6 > this.text.length) this.failAtEnd('a string');
      this.fail('invalid escape');
    }
    return at + 6;
  }

  scanNumber(): void {
    const { text } = this;
    const start = this.pos;
    let i = start;
    if (text.charCodeAt(i) === MINUS) i += 1;
    const whole = i;
    if (text.charCodeAt(i) === ZERO) {
      i += 1;
      if (isDigit(text.charCodeAt(i))) this.failNumber(i);
    } else {
      while (isDigit(text.charCodeAt(i))) i += 1;
      if (i === whole) this.failNumber(i);
    }
    let digits = i - whole;
    let isShort = digits <= 18;
    if (text.charCodeAt(i) === POINT) {
      const from = ++i;
      while (isDigit(text.charCodeAt(i))) i += 1;
      if (i === from) this.failNumber(i);
      digits += i - from;
      // Up to 15 digits survive the double unchanged; a trailing zero or a run of leading ones would not.
      isShort =
        digits <= 15 &&
        (text.charCodeAt(i - 1) !== ZERO || i - from === 1) &&
        !(text.charCodeAt(whole) === ZERO && text.startsWith('0000', from));
    } else if (digits === 1 && whole !== start && text.charCodeAt(whole) === ZERO) isShort = false;
    const c = text.charCodeAt(i);
    if (c === 0x65 || c === 0x45) {
      isShort = false;
      i += 1;
      const sign = text.charCodeAt(i);
      if (sign === MINUS || sign === 0x2b) i += 1;
      const from = i;
      while (isDigit(text.charCodeAt(i))) i += 1;
      if (i === from) this.failNumber(i);
    }
    if (!isShort) this.isPlain = false;
    this.pos = i;
  }

  private failNumber(at: number): never {
    this.pos = at;
    if (this.isAtEnd()) this.failAtEnd('a value');
    this.fail('invalid number');
  }

  private scanWord(word: string): void {
    if (!this.text.startsWith(word, this.pos)) {
      if (word.startsWith(this.text.slice(this.pos))) this.failAtEnd('a value');
      this.fail('expected ident');
    }
    this.pos += word.length;
  }

  /** One value of any kind and depth; not recursive, because payloads may be nested deeper than the stack allows. */
  scanValue(): void {
    const { text } = this;
    const closers: number[] = [];
    for (;;) {
      this.skipSpace();
      const c = text.charCodeAt(this.pos);
      if (c === QUOTE) this.scanString();
      else if (c === MINUS || isDigit(c)) this.scanNumber();
      else if (c === OPEN_OBJECT) {
        if (closers.length >= NESTING_MAX) this.isPlain = false;
        this.pos += 1;
        this.skipSpace();
        if (text.charCodeAt(this.pos) === CLOSE_OBJECT) this.pos += 1;
        else {
          this.scanKey();
          closers.push(CLOSE_OBJECT);
          continue;
        }
      } else if (c === OPEN_ARRAY) {
        if (closers.length >= NESTING_MAX) this.isPlain = false;
        this.pos += 1;
        this.skipSpace();
        if (text.charCodeAt(this.pos) === CLOSE_ARRAY) this.pos += 1;
        else if (this.isAtEnd()) this.failAtEnd('a list');
        else {
          closers.push(CLOSE_ARRAY);
          continue;
        }
      } else if (c === 0x74) this.scanWord('true');
      else if (c === 0x66) this.scanWord('false');
      else if (c === 0x6e) this.scanWord('null');
      else if (c !== c) this.failAtEnd('a value');
      else this.fail('expected value');
      if (!this.scanToNext(closers)) return;
    }
  }

  /** Behind a value: closes what ends here; true when another value follows. */
  private scanToNext(closers: number[]): boolean {
    const { text } = this;
    while (closers.length > 0) {
      const closer = closers[closers.length - 1];
      this.skipSpace();
      const c = text.charCodeAt(this.pos);
      if (c === closer) {
        this.pos += 1;
        closers.pop();
      } else if (c === COMMA) {
        this.pos += 1;
        this.skipSpace();
        if (closer === CLOSE_OBJECT) this.scanKey();
        else if (text.charCodeAt(this.pos) === CLOSE_ARRAY) this.fail('trailing comma');
        return true;
      } else if (c !== c) this.failAtEnd(closer === CLOSE_OBJECT ? 'an object' : 'a list');
      else this.fail(closer === CLOSE_OBJECT ? 'expected `,` or `}`' : 'expected `,` or `]`');
    }
    return false;
  }

  private scanKey(): void {
    const c = this.text.charCodeAt(this.pos);
    if (c !== QUOTE) {
      if (c !== c) this.failAtEnd('an object');
      this.fail(c === CLOSE_OBJECT ? 'trailing comma' : 'key must be a string');
    }
    this.scanString();
    this.skipSpace();
    if (this.text.charCodeAt(this.pos) !== COLON) {
      if (this.isAtEnd()) this.failAtEnd('an object');
      this.fail('expected `:`');
    }
    this.pos += 1;
  }

  /** One object at `pos`; fills `spans` with its top-level fields. */
  scanObject(spans: FieldSpans): void {
    const { text } = this;
    let n = 0;
    let isPlain = true;
    this.isPlain = true;
    this.pos += 1;
    this.skipSpace();
    if (text.charCodeAt(this.pos) === CLOSE_OBJECT) {
      this.pos += 1;
    } else {
      for (;;) {
        isPlain &&= this.isPlain;
        this.isPlain = true;
        const key = this.pos + 1;
        this.scanKey();
        let end = this.pos - 2;
        while (text.charCodeAt(end) !== QUOTE) end -= 1;
        spans.keyStart[n] = key;
        spans.keyEnd[n] = end;
        spans.isKeyPlain[n] = this.isPlain;
        isPlain &&= this.isPlain;
        this.skipSpace();
        isPlain &&= this.isPlain;
        this.isPlain = true;
        spans.valueStart[n] = this.pos;
        this.scanValue();
        spans.valueEnd[n] = this.pos;
        spans.isValuePlain[n] = this.isPlain;
        n += 1;
        this.skipSpace();
        isPlain &&= this.isPlain;
        const c = text.charCodeAt(this.pos);
        if (c === COMMA) {
          this.pos += 1;
          this.skipSpace();
        } else if (c === CLOSE_OBJECT) {
          this.pos += 1;
          break;
        } else if (c !== c) this.failAtEnd('an object');
        else this.fail('expected `,` or `}`');
      }
    }
    spans.count = n;
    spans.isPlain = isPlain && this.isPlain;
  }
}
