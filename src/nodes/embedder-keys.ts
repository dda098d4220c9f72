/**
 * Keys that nodes authenticate with at an embedder's service. Records hold a name only; the key itself comes from
 * `MIROIR_EMBEDDER_KEY_<REF>` of each process. Apart from the keys of nodes: whoever may change settings says where an
 * embedder's key is sent to.
 */
import { InvalidInputError } from '../errors.ts';

const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export function createEmbedderKeys(keys: ReadonlyMap<string, string>): (reference: string) => string {
  return (reference) => {
    if (!REFERENCE.test(reference)) {
      throw refuse('the name of an embedder’s key is not one', 'give 1 to 64 letters, digits, - and _ as ref');
    }
    const name = reference.toUpperCase().replaceAll('-', '_');
    const key = keys.get(name)?.trim() ?? '';
    if (key !== '') return key;
    throw refuse(
      `there is no embedder’s key named ${reference} here`,
      `set MIROIR_EMBEDDER_KEY_${name} for every gateway, router, rebalancer and reconciler`,
    );
  };
}

const refuse = (what: string, remedy: string): InvalidInputError =>
  new InvalidInputError(what, { field: 'apiKey', remedy, details: { nodeCode: 'invalid_settings_embedders' } });
