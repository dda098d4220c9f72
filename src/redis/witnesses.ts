/**
 * Who tells which server is the master: sentinels, or nodes of a cluster. All of them are asked at once and the newest
 * epoch counts, since one that is cut off goes on naming the master of before.
 */
import { Redis } from 'ioredis';
import type { Address, RedisUrl } from '../config/redis-url.ts';
import { RedisUnreachableError, messageOf } from '../errors.ts';
import type { DriverOptions } from './access.ts';
import { HASH_TAG } from './keys.ts';

export interface Witnesses {
  /** Where the master is now. Throws `RedisUnreachableError` when none tells. */
  master(): Promise<Address>;
  /** Connections to them stay open while somebody holds them. */
  hold(holder: object): void;
  release(holder: object): void;
}

interface Testimony {
  readonly master: Address;
  /** Of the failover that made it the master; it grows with each. */
  readonly epoch: number;
}

type Ask = (client: Redis, asked: Address) => Promise<Testimony>;

/** Longest wait for one of them: the others have answered by then. */
const ANSWER_MS = 500;
const AGAIN_MS = 500;
/** Several connections ask at the same moment, after a failover all of a process. */
const KNOWN_MS = 250;
const WITNESS = { server: '', sentinel: 'sentinel', cluster: 'node of the cluster' } as const;

const sentinelsSay =
  (name: string): Ask =>
  async (client) => {
    // While a failover goes on only the first tells the new address; only the second tells the epoch.
    const address = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as readonly string[] | null;
    if (address === null) throw new Error(`knows no master "${name}"`);
    const fields = (await client.call('SENTINEL', 'MASTER', name)) as readonly string[];
    const epoch = fields[fields.indexOf('config-epoch') + 1];
    const [host = '', port = ''] = address;
    return { master: { host, port: Number(port) }, epoch: Number(epoch) };
  };

type SlotRange = readonly [from: number, to: number, master: readonly [host: string | null, port: number, id: string]];

const clusterSays: Ask = async (client, asked) => {
  const slot = Number(await client.call('CLUSTER', 'KEYSLOT', HASH_TAG));
  const ranges = (await client.call('CLUSTER', 'SLOTS')) as readonly SlotRange[];
  const range = ranges.find(([from, to]) => from <= slot && slot <= to);
  if (range === undefined) throw new Error(`no node serves slot ${slot}`);
  const [host, port, id] = range[2];
  const nodes = String(await client.call('CLUSTER', 'NODES')).split('\n');
  const epoch = nodes.find((line) => line.startsWith(id))?.split(' ')[6];
  // A node that does not know its own name leaves it out: it is the one that was asked.
  const name = host === null || host === '' || host === '?' ? asked.host : host;
  return { master: { host: name, port }, epoch: Number(epoch) };
};

/** `options`: user, password and TLS with which they are asked. */
export function createWitnesses(url: RedisUrl, options: DriverOptions): Witnesses {
  const ask = url.kind === 'sentinel' ? sentinelsSay(url.masterName) : clusterSays;
  const holders = new Set<object>();
  let clients: readonly { readonly at: Address; readonly client: Redis; readonly trouble: { last: string } }[] = [];
  let known: { readonly atMs: number; readonly master: Promise<Address> } | null = null;

  const open = (at: Address) => {
    const client = new Redis({
      ...options,
      ...at,
      connectTimeout: ANSWER_MS,
      commandTimeout: ANSWER_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: () => AGAIN_MS,
      autoResendUnfulfilledCommands: false,
      // A sentinel has no data to load.
      enableReadyCheck: false,
    });
    const trouble = { last: '' };
    client.on('error', (error: Error) => {
      trouble.last = error.message;
    });
    client.on('ready', () => {
      trouble.last = '';
    });
    return { at, client, trouble };
  };

  const find = async (): Promise<Address> => {
    const answers = await Promise.allSettled(
      clients.map(async ({ at, client, trouble }) => {
        // Between two tries to connect: it has just not answered.
        if (client.status === 'reconnecting') throw new Error(trouble.last);
        return ask(client, at).catch((error: unknown) => {
          throw new Error(trouble.last || messageOf(error), { cause: error });
        });
      }),
    );
    const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const [newest] = told.sort((a, b) => b.epoch - a.epoch);
    if (newest !== undefined) return newest.master;
    const why = answers.map((answer, at) => {
      const { host = '', port = 0 } = url.witnesses[at] ?? {};
      return `${host}:${port} ${answer.status === 'rejected' ? messageOf(answer.reason) : ''}`;
    });
    throw new RedisUnreachableError(`no ${WITNESS[url.kind]} tells where the master is: ${why.join('; ')}`, {
      field: 'redis_url',
      remedy: 'start them there, or correct redis_url',
    });
  };

  return {
    master() {
      if (known === null || performance.now() - known.atMs > KNOWN_MS)
        known = { atMs: performance.now(), master: find() };
      return known.master;
    },
    hold(holder) {
      if (holders.size === 0) clients = url.witnesses.map(open);
      holders.add(holder);
    },
    release(holder) {
      if (!holders.delete(holder) || holders.size > 0) return;
      for (const { client } of clients) client.disconnect();
      clients = [];
      known = null;
    },
  };
}
