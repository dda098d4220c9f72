/** Finds the documents in a node's answer to documents/fetch, `{"results":[…],"offset":0,"limit":20,"total":5}`. */
import { InvalidInputError } from '../errors.ts';
import { fieldSpan, type Span } from './json-text.ts';

/** Where the array of documents stands: characters of a string, bytes of a Buffer. */
export interface ResultsSpan extends Span {
  readonly offset: number;
  readonly limit: number;
  /** Documents that match, however many of them are in the page. */
  readonly total: number;
}

const HEAD = '{"results":[';
const TAIL = /[[}]\],"offset":(\d{1,15}),"limit":(\d{1,15}),"total":(\d{1,15})\}\s*$/;
/** Room for TAIL with its three numbers at their longest and a line end. */
const TAIL_LENGTH = 128;

function numberField(page: string, name: string): number {
  const span = fieldSpan(page, 0, page.length, name);
  const text = span === undefined ? '' : page.slice(span.start, span.end);
  if (!/^\d{1,15}$/.test(text)) {
    throw new InvalidInputError(`the page has no number ${name}`, { field: name });
  }
  return Number(text);
}

/** The same by walking the whole page, for an answer whose fields come in another order. */
function walkPage(page: string): ResultsSpan {
  const results = fieldSpan(page, 0, page.length, 'results');
  if (results === undefined || page[results.start] !== '[') {
    throw new InvalidInputError('the page has no array results', { field: 'results' });
  }
  const [offset, limit, total] = [numberField(page, 'offset'), numberField(page, 'limit'), numberField(page, 'total')];
  return { ...results, offset, limit, total };
}

/**
 * The span of the documents' array, brackets included, and the page's numbers. Looks at the two ends only, so that
 * 8 MB cost microseconds; an answer of another shape is walked. What lies between the ends is therefore not checked
 * here: splitting or digesting it does that, and a node refuses a broken array as a whole.
 *
 * Throws `InvalidInputError` when the page is no such answer.
 */
export function resultsSpan(page: string | Buffer): ResultsSpan {
  const { length } = page;
  // One character per byte: positions stay those of the bytes, and all that is looked for is ASCII.
  const slice = (start: number, end: number): string =>
    typeof page === 'string' ? page.slice(start, end) : page.toString('latin1', start, end);
  const tailAt = Math.max(0, length - TAIL_LENGTH);
  const tail = TAIL.exec(slice(tailAt, length));
  if (tail === null || slice(0, HEAD.length) !== HEAD) return walkPage(slice(0, length));
  const [offset = 0, limit = 0, total = 0] = tail.slice(1).map(Number);
  return { start: HEAD.length - 1, end: tailAt + tail.index + 2, offset, limit, total };
}
