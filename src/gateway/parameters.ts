/** Parameters of a query string, read and refused in a node's words. A name that comes twice counts by its last value. */
import { INDEX_UID_RULE, isIndexUid, refuse } from './answers.ts';

export type Parameters = ReadonlyMap<string, string>;

/** Throws 400 for names that the route does not take. `search` is without its question mark. */
export function readParameters(search: string, names: readonly string[]): Parameters {
  const found: Parameters = new Map(new URLSearchParams(search));
  const unknown = [...found.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const known = names.length === 0 ? 'none' : `one of ${names.map((name) => `\`${name}\``).join(', ')}`;
    refuse('bad_request', `Unknown parameter \`${unknown}\`: expected ${known}`);
  }
  return found;
}

const invalid = (name: string, code: string, what: string): never =>
  refuse(code, `Invalid value in parameter \`${name}\`: ${what}`);

function countOf(text: string, name: string, code: string): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  return invalid(name, code, `could not parse \`${text}\` as a positive integer`);
}

/** `code` is the node's code for a wrong value of it. */
export function count(parameters: Parameters, name: string, code: string): number | undefined {
  const text = parameters.get(name);
  return text === undefined ? undefined : countOf(text, name, code);
}

export function decimal(parameters: Parameters, name: string, code: string): number | undefined {
  const text = parameters.get(name);
  if (text === undefined || /^-?\d+(?:\.\d+)?$/.test(text)) return text === undefined ? undefined : Number(text);
  return invalid(name, code, `could not parse \`${text}\` as a number`);
}

export function flag(parameters: Parameters, name: string, code: string): boolean | undefined {
  const text = parameters.get(name);
  if (text === undefined || text === 'true' || text === 'false')
    return text === undefined ? undefined : text === 'true';
  return invalid(name, code, `could not parse \`${text}\` as a boolean, expected either \`true\` or \`false\``);
}

/** Separated by commas; an empty text is an empty list. */
export function list(parameters: Parameters, name: string): readonly string[] | undefined {
  const text = parameters.get(name);
  return text === undefined || text !== '' ? text?.split(',') : [];
}

/** `name`, or `name[2]` where the list has more than one. */
const placeIn = (name: string, all: readonly string[], at: number): string =>
  all.length > 1 ? `${name}[${at}]` : name;

/** A list of which a star alone means no narrowing at all. */
function narrowing(parameters: Parameters, name: string): readonly string[] | undefined {
  const all = list(parameters, name);
  return all?.length === 1 && all[0] === '*' ? undefined : all;
}

export function counts(parameters: Parameters, name: string, code: string): readonly number[] | undefined {
  return narrowing(parameters, name)?.map((text, at, all) => countOf(text, placeIn(name, all, at), code));
}

/** Words of a closed list, whatever their case, as the list has them. `noun` as in "not a valid task status". */
export function words(
  parameters: Parameters,
  name: string,
  known: readonly string[],
  noun: { readonly one: string; readonly many: string; readonly code: string },
): readonly string[] | undefined {
  return narrowing(parameters, name)?.map((text, at, all) => {
    const word = known.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (word !== undefined) return word;
    const available = known.map((candidate) => `\`${candidate}\``).join(', ');
    const what = `\`${text}\` is not a valid ${noun.one}. Available ${noun.many} are ${available}.`;
    return invalid(placeIn(name, all, at), noun.code, what);
  });
}

export function indexUids(parameters: Parameters, name: string): readonly string[] | undefined {
  return narrowing(parameters, name)?.map((uid, at, all) =>
    isIndexUid(uid) ? uid : invalid(placeIn(name, all, at), 'invalid_index_uid', `\`${uid}\` ${INDEX_UID_RULE}`),
  );
}
