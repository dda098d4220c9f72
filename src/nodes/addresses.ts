/**
 * Which addresses a node's name may lead to. An allowed name is somebody else's to answer: what it resolves to is looked
 * at at every new connection, and the connection goes to exactly what was looked at, so that a name which answers first
 * with one address and then with another gains nothing.
 */
import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { NodeOriginError } from '../errors.ts';

type Subnet = readonly [network: string, prefix: number];
type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** An address that is an IPv4 one within IPv6 (`::ffff:…`) counts as that one. */
function listOf(...subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, isIPv6(network) ? 'ipv6' : 'ipv4');
  return list;
}

/** This machine itself, with everything on it that trusts whoever reaches it. */
const LOOPBACK = listOf(['127.0.0.0', 8], ['0.0.0.0', 8], ['::1', 128], ['::', 128]);
/** Where no node is: link-local with the clouds' keys for machines, multicast, reserved. */
const NOWHERE = listOf(
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['168.63.129.16', 32],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['fd00:ec2::254', 128],
  // 169.254 by way of translation: NAT64 and 6to4.
  ['64:ff9b::a9fe:0', 112],
  ['2002:a9fe::', 32],
);

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');
/** `scheme://host:port` without the port; brackets off. */
const hostOf = (pattern: string): string =>
  pattern
    .trim()
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/:(?:\d+|\*)$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();

export type AddressCheck = (address: string) => boolean;

/** Whether a name may lead there. Loopback where a pattern names it; the others where a pattern names the very address. */
export function addressCheck(patterns: readonly string[]): AddressCheck {
  const hosts = patterns.map(hostOf);
  const isLocal = (host: string): boolean =>
    host === 'localhost' || host.endsWith('.localhost') || (isIP(host) > 0 && LOOPBACK.check(host, familyOf(host)));
  const hasLoopback = hosts.some(isLocal);
  const named = listOf(
    ...hosts.filter((host) => isIP(host) > 0).map((host) => [host, isIPv6(host) ? 128 : 32] as const),
  );
  return (address) => {
    const family = familyOf(address);
    if (LOOPBACK.check(address, family)) return hasLoopback;
    return !NOWHERE.check(address, family) || named.check(address, family);
  };
}

/** For connections: all addresses of a name are looked at, and one that may not be reached refuses the name. */
export function checkedLookup(patterns: readonly string[], resolve: Resolve = systemLookup): LookupFunction {
  const isAllowed = addressCheck(patterns);
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) {
        callback(error ?? new Error(`${hostname} has no address`), [], 0);
        return;
      }
      const wrong = addresses.find(({ address }) => !isAllowed(address));
      if (wrong !== undefined) {
        callback(refused(hostname, wrong.address), [], 0);
      } else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

const refused = (hostname: string, address: string): NodeOriginError =>
  new NodeOriginError(`${hostname} leads to ${address}, where no node is reached by a name`, {
    field: 'url',
    remedy: 'correct the name, or add the address itself to MIROIR_NODE_ORIGINS',
    details: { hostname, address },
  });
