// Source: where a connection comes from, as far as one attacker can choose it: one address of IPv4, one network of IPv6
// (whoever has an address there has all 2^64 of them), this host as a whole. It is what limits are counted by.

/** Connections over a socket of this host's file system. */
export const FILE_SYSTEM = 'this user';
const THIS_HOST = 'this host';
const GROUPS_OF_ADDRESS = 8;
const GROUPS_OF_NETWORK = 4;

/** The source of a connection by the address of its other end, as `net.Socket` writes it. */
export function sourceOf(address: string | undefined): string {
  if (address === undefined) return FILE_SYSTEM;
  const bare = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  if (bare === '::1' || bare.startsWith('127.')) return THIS_HOST;
  return bare.includes(':') ? networkOf(bare.replace(/%.*$/, '')) : bare;
}

/** The first 64 bits of an address of IPv6. */
function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const numLeftOut = tail === undefined ? 0 : Math.max(0, GROUPS_OF_ADDRESS - first.length - last.length);
  const groups = [...first, ...Array.from({ length: numLeftOut }, () => '0'), ...last];
  return `${groups
    .slice(0, GROUPS_OF_NETWORK)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
