/**
 * Which addresses belong to the world, and which to this machine and the networks around it.
 *
 * A program that fetches what others name can be led to what only it can reach: the router, a database on
 * loopback, the cloud's metadata service with its keys. Of IPv4 the special ranges are refused; of IPv6 only global
 * unicast is taken, without the parts that carry IPv4 addresses inside (6to4, Teredo, NAT64): they lead back in.
 */

import { BlockList, isIP } from 'node:net';

const internal = new BlockList();
const worldwide6 = new BlockList();
worldwide6.addSubnet('2000::', 3, 'ipv6');

const ranges4: readonly [string, number][] = [
  ['0.0.0.0', 8], // this host
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier's own, and metadata of some clouds
  ['127.0.0.0', 8], // loopback
  ['168.63.129.16', 32], // metadata in the midst of public addresses
  ['169.254.0.0', 16], // link-local, with the metadata of most clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // bench networks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
];
const ranges6: readonly [string, number][] = [
  ['2001::', 23], // Teredo and other protocols
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4
  ['3fff::', 20], // documentation
];
for (const [network, prefix] of ranges4) internal.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of ranges6) internal.addSubnet(network, prefix, 'ipv6');

/** Whether an IP address, in any spelling that sockets take, is not one of the public internet. */
export function isInternal(address: string): boolean {
  const bare = address.replace(/^\[|\]$|%.*$/g, ''); // [::1], and fe80::1%eth0
  const family = isIP(bare);
  if (family === 4) return internal.check(bare, 'ipv4');
  if (family === 6) return !worldwide6.check(bare, 'ipv6') || internal.check(bare, 'ipv6');
  return true;
}
