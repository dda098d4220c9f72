/** Tags of writes (`customMetadata`), as far as anybody has to know one from a stranger's. */

/** What ours begin with: a router's, a mover's, and that of whoever takes an index over. */
const OURS = ['{"router":"', '{"move":"', '{"adoption":"'] as const;
/** Of a first load, which needs no more than a name. */
export const LOAD_TAG = 'load';

export const isOwnTag = (text: string | null): boolean =>
  text === LOAD_TAG || OURS.some((beginning) => text?.startsWith(beginning) === true);

/** Movers do not know it, so to them it is anybody's write, after which they verify again. */
export const adoptionTag = (index: string, fence: string): string => JSON.stringify({ adoption: index, fence });
