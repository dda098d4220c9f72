/** Nothing secret is put into jobs; should somebody do it all the same, the board must not show it. */
import { withoutSecrets } from '../telemetry/logger.ts';

/** Names that look like a secret. A reference (`api_key_ref`) is the name of one, and a `primaryKey` is none. */
const SECRET_NAME = /(?:^|[_-])(?:api_?key|master_?key|password|passwd|secret|token|authorization|credentials?)$/i;
const SECRET_CAMEL = /(?:apiKey|masterKey|Password|Secret|Token)$/;
const MASK = '***';
/** Limit: deeper than anything that belongs in a job; what nests further is not shown at all. */
const DEPTH_MAX = 20;

/** A copy with the values of secret-looking names masked, and credentials in URLs and bearer tokens within texts. */
export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return MASK;
  if (Array.isArray(value)) return value.map((one: unknown) => redacted(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const isSecret = SECRET_NAME.test(name) || SECRET_CAMEL.test(name);
      return [name, isSecret && inner !== null ? MASK : redacted(inner, depth + 1)];
    }),
  );
}
