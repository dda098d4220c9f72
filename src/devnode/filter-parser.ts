import { FilterError, type ComparisonOperator, type FilterNode, type Token } from './filter-node.ts';

// Limit: what a real node was seen to accept.
const PARENTHESES_MAX = 36;
const NOTS_MAX = 149;

const OPERATIONS =
  '`=`, `!=`, `>=`, `>`, `<=`, `<`, `IN`, `NOT IN`, `TO`, `EXISTS`, `NOT EXISTS`, `IS NULL`, `IS NOT NULL`, `IS EMPTY`, ' +
  '`IS NOT EMPTY`, `CONTAINS`, `NOT CONTAINS`, `STARTS WITH`, `NOT STARTS WITH`, `_geoRadius`, `_geoBoundingBox` or `_geoPolygon`';

const KEYWORDS = new Set([
  'AND',
  'OR',
  'NOT',
  'IN',
  'TO',
  'EXISTS',
  'IS',
  'NULL',
  'EMPTY',
  'CONTAINS',
  'STARTS',
  'WITH',
]);

export interface FilterFeatures {
  readonly containsFilter: boolean;
}

/** Parses one filter expression; null when it is blank. Throws {@link FilterError}. */
export function parseFilter(text: string, features: FilterFeatures): FilterNode | null {
  if (text.trim() === '') return null;
  return new FilterParser(text, features).parse();
}

class FilterParser {
  private readonly text: string;
  private readonly features: FilterFeatures;
  private pos = 0;
  private parentheses = 0;
  private nots = 0;

  constructor(text: string, features: FilterFeatures) {
    this.text = text;
    this.features = features;
  }

  parse(): FilterNode {
    const node = this.parseOr();
    this.skipSpace();
    if (this.pos < this.text.length) {
      const rest = this.text.slice(this.pos).trimEnd();
      this.fail(
        `Found unexpected characters at the end of the filter: \`${rest}\`. You probably forgot an \`OR\` or an \`AND\` rule.`,
        this.pos,
        this.pos + rest.length,
      );
    }
    return node;
  }

  private parseOr(): FilterNode {
    const parts = [this.parseAnd()];
    while (this.takeWord('OR')) parts.push(this.parseAnd());
    return parts.length === 1 ? (parts[0] as FilterNode) : { kind: 'or', parts };
  }

  private parseAnd(): FilterNode {
    const parts = [this.parseNot()];
    while (this.takeWord('AND')) parts.push(this.parseNot());
    return parts.length === 1 ? (parts[0] as FilterNode) : { kind: 'and', parts };
  }

  private parseNot(): FilterNode {
    this.skipSpace();
    if (!/^NOT(?=[\s(])/.test(this.text.slice(this.pos, this.pos + 4))) return this.parsePrimary();
    if (this.nots === NOTS_MAX) this.failDepth();
    this.pos += 3;
    this.nots += 1;
    const part = this.parseNot();
    this.nots -= 1;
    return { kind: 'not', part };
  }

  private parsePrimary(): FilterNode {
    this.skipSpace();
    const start = this.pos;
    if (this.text[start] !== '(') return this.parseCondition();
    this.pos += 1;
    this.parentheses += 1;
    if (this.parentheses > PARENTHESES_MAX) this.failDepth();
    const node = this.parseOr();
    this.parentheses -= 1;
    this.skipSpace();
    if (this.text[this.pos] !== ')') {
      const rest = this.text.slice(start);
      this.fail(`Expression \`${rest}\` is missing the following closing delimiter: \`)\`.`, start, this.text.length);
    }
    this.pos += 1;
    return node;
  }

  private parseCondition(): FilterNode {
    const start = this.pos;
    const attribute = this.readValue();
    if (!attribute) this.failOperation(start);
    this.skipSpace();
    const operator = /^(!=|>=|<=|=|>|<)/.exec(this.text.slice(this.pos, this.pos + 2))?.[1];
    if (operator) {
      this.pos += operator.length;
      const value = this.expectValue().value;
      return { kind: 'compare', attribute, operator: operator as ComparisonOperator, value };
    }
    if (this.takeWord('EXISTS')) return { kind: 'is', attribute, operator: 'EXISTS' };
    if (this.takeWord('IS')) return this.parseIs(attribute, start);
    if (this.takeWord('IN')) return { kind: 'in', attribute, values: this.parseList() };
    const beforeNot = this.pos;
    if (this.takeWord('NOT')) {
      const part = this.parseNegated(attribute);
      if (part) return { kind: 'not', part };
      this.pos = beforeNot;
    }
    const match = this.parseMatch(attribute);
    if (match) return match;
    const lower = this.readValue();
    if (lower && this.takeWord('TO')) {
      const upper = this.expectValue().value;
      return { kind: 'compare', attribute, operator: 'TO', value: lower.value, upper };
    }
    this.failOperation(start);
  }

  private parseIs(attribute: Token, start: number): FilterNode {
    const isNegated = this.takeWord('NOT');
    const operator = this.takeWord('NULL') ? 'IS NULL' : this.takeWord('EMPTY') ? 'IS EMPTY' : null;
    if (!operator) this.failOperation(start);
    const part: FilterNode = { kind: 'is', attribute, operator };
    return isNegated ? { kind: 'not', part } : part;
  }

  private parseNegated(attribute: Token): FilterNode | null {
    if (this.takeWord('EXISTS')) return { kind: 'is', attribute, operator: 'EXISTS' };
    if (this.takeWord('IN')) return { kind: 'in', attribute, values: this.parseList() };
    return this.parseMatch(attribute);
  }

  private parseMatch(attribute: Token): FilterNode | null {
    this.skipSpace();
    const at = this.pos;
    if (this.takeWord('CONTAINS')) {
      if (!this.features.containsFilter) {
        this.fail(
          'Using `CONTAINS` in a filter requires enabling the `contains filter` experimental feature. ' +
            'See https://github.com/orgs/meilisearch/discussions/763',
          at,
          at + 'CONTAINS'.length,
          'feature_not_enabled',
        );
      }
      return { kind: 'compare', attribute, operator: 'CONTAINS', value: this.expectValue().value };
    }
    if (!/^STARTS\s+WITH\b/.test(this.text.slice(at))) return null;
    this.takeWord('STARTS');
    this.takeWord('WITH');
    return { kind: 'compare', attribute, operator: 'STARTS WITH', value: this.expectValue().value };
  }

  private parseList(): string[] {
    this.skipSpace();
    if (this.text[this.pos] !== '[') {
      const rest = this.text.slice(this.pos);
      this.fail(`Expected \`[\` after \`IN\` keyword but found \`${rest}\`.`, this.pos, this.text.length);
    }
    const open = this.pos;
    this.pos += 1;
    const values: string[] = [];
    for (;;) {
      this.skipSpace();
      if (this.text[this.pos] === ']') break;
      const value = this.readValue();
      if (!value) break;
      values.push(value.value);
      this.skipSpace();
      if (this.text[this.pos] !== ',') break;
      this.pos += 1;
    }
    if (this.text[this.pos] !== ']') {
      const rest = this.text.slice(open);
      this.fail(`Expression \`${rest}\` is missing the following closing delimiter: \`]\`.`, open, this.text.length);
    }
    this.pos += 1;
    return values;
  }

  private expectValue(): Token {
    this.skipSpace();
    const at = this.pos;
    const value = this.readValue();
    if (value) return value;
    const rest = this.text.slice(at);
    const keyword = /^[A-Z]+/.exec(rest)?.[0];
    if (keyword && KEYWORDS.has(keyword)) {
      this.fail(
        `Was expecting a value but instead got \`${keyword}\`, which is a reserved keyword. To use \`${keyword}\` as a ` +
          'field name or a value, surround it by quotes.',
        at,
        at + keyword.length,
      );
    }
    const got = rest === '' ? 'nothing' : `\`${rest}\``;
    this.fail(`Was expecting a value but instead got ${got}.`, at, this.text.length);
  }

  /** A word or a quoted text; null when there is none here. */
  private readValue(): Token | null {
    this.skipSpace();
    const start = this.pos;
    const quote = this.text[start];
    if (quote === '"' || quote === "'") return this.readQuoted(start, quote);
    const word = /[\p{L}\p{N}_\-/.]+/uy;
    word.lastIndex = start;
    const value = word.exec(this.text)?.[0];
    if (value === undefined || KEYWORDS.has(value)) return null;
    this.pos += value.length;
    return { value, start: start + 1, end: start + value.length + 1 };
  }

  private readQuoted(start: number, quote: string): Token {
    let value = '';
    let i = start + 1;
    for (; this.text[i] !== quote; i += 1) {
      if (i >= this.text.length) {
        const rest = this.text.slice(start);
        this.fail(`Expression \`${rest}\` is missing the following closing delimiter: \`${quote}\`.`, start, i);
      }
      if (this.text[i] === '\\' && (this.text[i + 1] === quote || this.text[i + 1] === '\\')) i += 1;
      value += this.text[i];
    }
    this.pos = i + 1;
    return { value, start: start + 2, end: i + 1 };
  }

  private takeWord(word: string): boolean {
    this.skipSpace();
    if (!this.text.startsWith(word, this.pos)) return false;
    const next = this.text[this.pos + word.length];
    if (next !== undefined && !/[\s()[\]]/.test(next)) return false;
    this.pos += word.length;
    return true;
  }

  private skipSpace(): void {
    while (/\s/.test(this.text[this.pos] ?? '')) this.pos += 1;
  }

  private failOperation(start: number): never {
    const rest = this.text.slice(start);
    const where = rest === '' ? 'but instead got nothing' : `at \`${rest}\``;
    this.fail(`Was expecting an operation ${OPERATIONS} ${where}.`, start, this.text.length);
  }

  private failDepth(): never {
    this.fail(
      'The filter exceeded the maximum depth limit. Try rewriting the filter so that it contains fewer nested conditions.',
      this.pos,
      this.text.length,
    );
  }

  private fail(message: string, start: number, end: number, code: string | null = null): never {
    throw new FilterError(`${message}\n${start + 1}:${end + 1} ${this.text}`, code);
  }
}
