import { ApiError } from './errors.ts';
import { JsonNumber, treeText, type JsonObject, type JsonTree } from './json-tree.ts';

/** Checks of one value of a JSON body; `path` (empty at the top) and `code` go into the error. */
export interface Place {
  readonly path: string;
  readonly code: string;
}

function kindOf(tree: JsonTree): string {
  if (tree === null) return 'null';
  if (typeof tree === 'boolean') return 'a boolean';
  if (typeof tree === 'string') return 'a string';
  if (Array.isArray(tree)) return 'an array';
  if (!(tree instanceof JsonNumber)) return 'an object';
  if (/[.eE]/.test(tree.text)) return 'a number';
  return tree.text.startsWith('-') ? 'a negative integer' : 'a positive integer';
}

export function wrongType(tree: JsonTree, expected: string, place: Place): ApiError {
  const where = place.path === '' ? '' : ` at \`${place.path}\``;
  const found = tree === null ? 'null' : `${kindOf(tree)}: \`${treeText(tree)}\``;
  return new ApiError(place.code, `Invalid value type${where}: expected ${expected}, but found ${found}`);
}

export function expectString(tree: JsonTree, place: Place): string {
  if (typeof tree !== 'string') throw wrongType(tree, 'a string', place);
  return tree;
}

export function expectBoolean(tree: JsonTree, place: Place): boolean {
  if (typeof tree !== 'boolean') throw wrongType(tree, 'a boolean', place);
  return tree;
}

export function expectCount(tree: JsonTree, place: Place): number {
  if (!(tree instanceof JsonNumber) || !/^\d+$/.test(tree.text)) throw wrongType(tree, 'a positive integer', place);
  return Number(tree.text);
}

export function expectArray(tree: JsonTree, place: Place): JsonTree[] {
  if (!Array.isArray(tree)) throw wrongType(tree, 'an array', place);
  return tree;
}

export function expectStrings(tree: JsonTree, place: Place): string[] {
  return expectArray(tree, place).map((item, i) => expectString(item, { ...place, path: `${place.path}[${i}]` }));
}

export function expectObject(tree: JsonTree, place: Place): JsonObject {
  if (!(tree instanceof Map)) throw wrongType(tree, 'an object', place);
  return tree;
}

export function rejectUnknownKeys(object: JsonObject, known: readonly string[], place: Place): void {
  for (const key of object.keys()) {
    if (known.includes(key)) continue;
    const inside = place.path === '' ? '' : ` inside \`${place.path}\``;
    const list = known.map((name) => `\`${name}\``).join(', ');
    throw new ApiError(place.code, `Unknown field \`${key}\`${inside}: expected one of ${list}`);
  }
}

/** The value of a key that is there and not null. */
export function given(object: JsonObject, key: string): JsonTree | undefined {
  return object.get(key) ?? undefined;
}
