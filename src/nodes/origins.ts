/**
 * Which hosts this process may talk to. A topology event names a URL, and whoever can add an event must not be able to
 * send our requests, and the API keys in them, to a host of their choice.
 */
import { isIP } from 'node:net';
import { ConfigError, NodeOriginError } from '../errors.ts';

interface OriginRule {
  readonly protocol: string;
  /** As `URL.hostname` writes it; for a wildcard the part after `*`, with its dot. */
  readonly host: string;
  readonly isWildcard: boolean;
  /** As `URL.port` writes it: empty is the scheme's own port; null is any. */
  readonly port: string | null;
}

const PATTERN = /^(https?):\/\/(\*\.)?(\[[0-9a-f:.]+\]|[^\s/?#@\\:*[\]]+)(?::(\d{1,5}|\*))?$/i;

/** What URL parsing would silently drop, rewrite or take as credentials, query or fragment. */
const NOT_AN_ORIGIN = /[\s\\@?#\p{Cc}]/u;

/** Text of a URL for a message: whatever may be a user name or password is masked. */
export const shownUrl = (url: string): string => url.slice(0, 200).replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@');

/**
 * The normalised origin of a node's URL. Throws `NodeOriginError` unless it is http(s), has neither credentials nor
 * path, query or fragment, and matches one of the patterns: `scheme://host` (the scheme's own port), `scheme://host:port`,
 * `scheme://host:*`, `scheme://*.domain` with the same three endings. Both sides are compared as URL parsing normalises
 * them, so upper case, default ports and decimal or hexadecimal addresses make no difference; a host with a trailing
 * dot is another host.
 */
export function assertOriginAllowed(url: string, patterns: readonly string[], field = 'url'): string {
  const parsed = NOT_AN_ORIGIN.test(url) || !URL.canParse(url) ? null : new URL(url);
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') || parsed.pathname !== '/') {
    throw new NodeOriginError(`${shownUrl(url)} is not the base URL of a node`, {
      field,
      remedy: 'give http:// or https://, a host and maybe a port, without user, path or query',
    });
  }
  if (patterns.some((pattern) => matches(parsed, ruleOf(pattern)))) return parsed.origin;
  throw new NodeOriginError(`${parsed.origin} is not within the allowed origins (${patterns.join(', ') || 'none'})`, {
    field,
    remedy:
      'use an allowed host, or add its origin to MIROIR_NODE_ORIGINS (or to the key’s MIROIR_NODE_KEY_ORIGINS_<REF>)',
    details: { origin: parsed.origin, allowed: patterns },
  });
}

/** Throws `ConfigError` for the first pattern that is none. */
export function assertPatterns(patterns: readonly string[]): void {
  for (const pattern of patterns) ruleOf(pattern);
}

function matches(url: URL, rule: OriginRule): boolean {
  if (url.protocol !== rule.protocol || (rule.port !== null && url.port !== rule.port)) return false;
  if (!rule.isWildcard) return url.hostname === rule.host;
  // An address has no subdomains: `*.0.0.1` must not match 127.0.0.1.
  return url.hostname.length > rule.host.length && url.hostname.endsWith(rule.host) && isIP(url.hostname) === 0;
}

function ruleOf(pattern: string): OriginRule {
  const [, scheme = '', wildcard, host = '', port = ''] = PATTERN.exec(pattern.trim()) ?? [];
  const text = `${scheme}://${host}${port === '' || port === '*' ? '' : `:${port}`}`;
  if (!URL.canParse(text)) {
    throw new ConfigError(`${shownUrl(pattern)} is no pattern for origins`, {
      field: 'node_origins',
      remedy: 'write scheme://host, scheme://host:port, scheme://host:* or scheme://*.domain, without a path',
    });
  }
  const parsed = new URL(text);
  return {
    protocol: parsed.protocol,
    host: wildcard === undefined ? parsed.hostname : `.${parsed.hostname}`,
    isWildcard: wildcard !== undefined,
    port: port === '*' ? null : parsed.port,
  };
}
