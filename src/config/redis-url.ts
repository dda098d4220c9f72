/** What `redis_url` may say: one server, sentinels that know their master, or nodes of a cluster. */

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface RedisUrl {
  readonly kind: 'server' | 'sentinel' | 'cluster';
  readonly isTls: boolean;
  /** Of the Redis server; '' where the URL has none. */
  readonly user: string;
  readonly password: string;
  /** Whom to ask where the master is; empty for one server. */
  readonly witnesses: readonly Address[];
  /** What the sentinels call the master. */
  readonly masterName: string;
  readonly database: number;
}

const FORMS =
  'write redis://host:6379, redis+sentinel://host:26379,host:26379/<master name> or redis+cluster://host:6379,host:6379; ' +
  'with TLS each begins with rediss';
const SERVER = /^(rediss?):\/\//i;
const SEVERAL = /^(rediss?)\+(sentinel|cluster):\/\/(?:(.*)@)?([^/@?#]+)(?:\/([^?#]*))?$/i;
const ADDRESS = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i;
const PORT = { sentinel: 26_379, cluster: 6_379 } as const;
const PORT_MAX = 65_535;

type Problem = { readonly problem: string };

/** A URL as it may be shown: without user and password. */
export const shownRedisUrl = (url: string): string => url.replace(/\/\/.*@/, '//***@');

/** Of a URL that has been read before. */
export function redisKind(url: string): RedisUrl['kind'] {
  const read = readRedisUrl(url);
  return 'problem' in read ? 'server' : read.kind;
}

/** The parts of a URL, or what is wrong with it; never the URL itself, which may hold a password. */
export function readRedisUrl(text: string): RedisUrl | Problem {
  const [, scheme = '', kind = '', login = '', hosts = '', path = ''] = SEVERAL.exec(text) ?? [];
  if (kind === '') return readServer(text);
  const which = kind.toLowerCase() === 'sentinel' ? 'sentinel' : 'cluster';
  const witnesses = hosts.split(',').map((host) => readAddress(host, PORT[which]));
  if (witnesses.includes(null)) return { problem: `not a list of hosts with ports: ${hosts}; ${FORMS}` };
  const [name = '', database = '', ...rest] = path.split('/');
  const colon = login.indexOf(':');
  const [user, password] = colon < 0 ? [login, ''] : [login.slice(0, colon), login.slice(colon + 1)];
  const [decodedUser, decodedPassword, masterName] = [user, password, name].map(decoded);
  if (decodedUser === undefined || decodedPassword === undefined || masterName === undefined)
    return { problem: 'has a % that encodes nothing; write %25 for the sign itself' };
  if (which === 'sentinel' && masterName === '')
    return { problem: 'does not say which master the sentinels are asked for; end it with /<master name>' };
  if (which === 'cluster' && path !== '') return { problem: `a cluster has one database; leave out /${path}` };
  if (rest.length > 0 || !/^\d{0,4}$/.test(database))
    return { problem: `not a database: ${[database, ...rest].join('/')}; end with /<master name>/<number>` };
  return {
    kind: which,
    isTls: scheme.toLowerCase() === 'rediss',
    user: decodedUser,
    password: decodedPassword,
    witnesses: witnesses as readonly Address[],
    masterName,
    database: Number(database),
  };
}

/** The rest of it, such as `?family=6`, is the driver's. */
function readServer(text: string): RedisUrl | Problem {
  const [, scheme = ''] = SERVER.exec(text) ?? [];
  if (scheme === '' || !URL.canParse(text) || new URL(text).hostname === '') return { problem: FORMS };
  const { username, password } = new URL(text);
  return {
    kind: 'server',
    isTls: scheme.toLowerCase() === 'rediss',
    user: decoded(username) ?? username,
    password: decoded(password) ?? password,
    witnesses: [],
    masterName: '',
    database: 0,
  };
}

function readAddress(text: string, usual: number): Address | null {
  const [, host = '', port = String(usual)] = ADDRESS.exec(text.trim()) ?? [];
  if (host === '' || Number(port) < 1 || Number(port) > PORT_MAX) return null;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a lone %
  }
}
