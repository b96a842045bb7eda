// Source networks of a rule: CIDR blocks as an author writes them, and whether an address is in one.

import { z } from 'zod';

export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

export interface Network extends Address {
  readonly prefix: number;
}

/** `10.20.0.0/16`, `2001:db8::/32`. */
export const Cidr = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const message = mistakeIn(text);
    if (message) context.addIssue({ code: 'custom', message });
  });

/** undefined for anything that is no address. What arrives as IPv4 in IPv6 (`::ffff:10.0.0.1`) is IPv4. */
export function parseAddress(text: string): Address | undefined {
  const four = parseFour(text);
  if (four !== undefined) return { bits: 32, value: four };
  const six = parseSix(text);
  if (six === undefined) return undefined;
  return six >> 32n === 0xffffn ? { bits: 32, value: six & 0xffff_ffffn } : { bits: 128, value: six };
}

/** Throws for what `Cidr` refuses. */
export function parseNetwork(text: string): Network {
  const network = readNetwork(text);
  if (typeof network === 'string') throw new Error(network);
  return network;
}

/** Fails closed: what is no address is in no network. */
export function isWithin(networks: readonly string[], address: string): boolean {
  const asked = parseAddress(address);
  return asked !== undefined && networks.some((network) => contains(parseNetwork(network), asked));
}

export function contains({ bits, value, prefix }: Network, asked: Address): boolean {
  const shift = BigInt(bits - prefix);
  return bits === asked.bits && asked.value >> shift === value >> shift;
}

function mistakeIn(text: string): string | undefined {
  const network = readNetwork(text);
  return typeof network === 'string' ? network : undefined;
}

function readNetwork(text: string): Network | string {
  const expected = 'expected a network such as 10.20.0.0/16 or 2001:db8::/32';
  const [before = '', length, ...more] = text.split('/');
  const address = parseAddress(before);
  if (!address || more.length > 0) return expected;
  if (length === undefined) return `expected a network: for this one address write ${before}/${address.bits}`;
  const mapped = address.bits === 32 && before.includes(':');
  const prefix = /^(0|[1-9]\d{0,2})$/.test(length) ? Number(length) - (mapped ? 96 : 0) : -1;
  if (prefix < 0 || prefix > address.bits) return expected;
  const hostBits = BigInt(address.bits - prefix);
  if ((address.value >> hostBits) << hostBits !== address.value)
    return `${before} has bits set beyond /${length}, so it is not clear which network is meant`;
  return { ...address, prefix };
}

function parseFour(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  // A leading zero reads as octal in some places and as decimal in others.
  if (!parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/** RFC 4291 section 2.2. */
function parseSix(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => groupsOf(half, index === halves.length - 1));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<bigint>(missing).fill(0n), ...(tail ?? [])];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(text: string, last: boolean): bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const four = last && index === parts.length - 1 ? parseFour(part) : undefined;
    if (four !== undefined) groups.push(four >> 16n, four & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}
