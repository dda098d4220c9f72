/**
 * What embedders authenticate with. A record may hold the name of a key (`{"ref": "NAME"}`), which each process looks up
 * for itself; a key given as text goes to the nodes and is kept nowhere (I10).
 */
import { isObject, type Settings } from './settings-text.ts';

/** What stands for a secret wherever one would be kept or shown. */
const HIDDEN = 'XXX...';
export const SECRETS: ReadonlySet<string> = new Set(['apiKey', 'headers']);

export interface KeyReference {
  readonly ref: string;
}

const isReference = (value: unknown): value is KeyReference =>
  isObject(value) && Object.keys(value).length === 1 && typeof value['ref'] === 'string';

/** The settings with each secret of an embedder replaced; what becomes undefined is left out. */
function withEach(settings: Settings, replace: (name: string, secret: unknown) => unknown): Settings {
  const { embedders } = settings;
  if (!isObject(embedders)) return settings;
  const walk = (name: string, value: unknown): unknown =>
    SECRETS.has(name) && value !== null ? replace(name, value) : value;
  return { ...settings, embedders: JSON.parse(JSON.stringify(embedders, walk)) as unknown };
}

/** As they may be compared and shown: a node, too, hides what embedders authenticate with. */
export const withoutSecrets = (settings: Settings): Settings => withEach(settings, () => HIDDEN);

/** As they may be kept. */
export const withReferences = (settings: Settings): Settings =>
  withEach(settings, (name, secret) => (name === 'apiKey' && isReference(secret) ? secret : HIDDEN));

/** As they are sent: names of keys looked up; what only stands for a secret is not sent. */
export const withKeys = (settings: Settings, keyOf: (reference: string) => string): Settings =>
  withEach(settings, (name, secret) => {
    if (secret === HIDDEN) return undefined;
    return name === 'apiKey' && isReference(secret) ? keyOf(secret.ref) : secret;
  });

/** Whether some secret is known to nobody but who sent it: a successor could not send it again. */
export function hasOwnSecrets(settings: Settings): boolean {
  let found = false;
  withEach(settings, (name, secret) => {
    found ||= secret !== HIDDEN && !(name === 'apiKey' && isReference(secret));
    return HIDDEN;
  });
  return found;
}

/** Whether any secret is in it, by name or as text: nodes do not show whether they have it. */
export function hasSecrets(settings: Settings): boolean {
  let found = false;
  withEach(settings, (_name, secret) => {
    found ||= secret !== HIDDEN;
    return HIDDEN;
  });
  return found;
}
