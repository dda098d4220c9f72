/**
 * Documents that a node accepts and then cannot index. Such a document fails every task of its batch with `internal`,
 * other clients' writes too, so it must not reach a node. Measured: a lone surrogate escape, a number beyond a double,
 * nesting deeper than about 127.
 */

/** Below what breaks, since the node's own wrapping takes some levels. */
const DEPTH_MAX = 120;

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
/** A number can pass 1.8e308 only with an exponent or with very many digits. */
const MAYBE_HUGE_NUMBER = /\d[eE]|\d{300}/;
const BRACKETS = /[[{]/g;
/** Strings, so that they can be passed over, numbers and brackets. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[[\]{}]/gs;
const ESCAPES = /\\(?:u([0-9a-fA-F]{4})|.)/gs;

/** Why the document (JSON text, well formed) would break a batch; null for one that does not. */
export function harmIn(document: string): string | null {
  if (SURROGATE_ESCAPE.test(document) && hasLoneSurrogate(document))
    return 'it holds half of a surrogate pair (\\ud800…)';
  // The three tests are cheap and nearly always say no; only then is the document walked.
  const isMaybeDeep = document.length > 2 * DEPTH_MAX && (document.match(BRACKETS)?.length ?? 0) > DEPTH_MAX;
  if (!isMaybeDeep && !MAYBE_HUGE_NUMBER.test(document)) return null;
  let depth = 0;
  for (const [token] of document.matchAll(TOKENS)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    else if (!token.startsWith('"') && !Number.isFinite(Number(token))) return 'it holds a number beyond 1.8e308';
    if (depth > DEPTH_MAX) return `it is nested deeper than ${DEPTH_MAX}`;
  }
  return null;
}

/** Only escapes can bring one in: text that came as UTF-8 has none. */
function hasLoneSurrogate(document: string): boolean {
  let highEnd = -1;
  for (const { 0: escape, 1: hex, index } of document.matchAll(ESCAPES)) {
    const unit = hex === undefined ? 0 : Number.parseInt(hex, 16);
    const isLow = unit >= 0xdc00 && unit <= 0xdfff;
    // A high half needs a low one right behind it, and a low one nothing else before it.
    if (highEnd >= 0 ? !isLow || highEnd !== index : isLow) return true;
    highEnd = unit >= 0xd800 && unit <= 0xdbff ? index + escape.length : -1;
  }
  return highEnd >= 0;
}
