// Rules on forwards: what a session opens connections to, over SSH or with kubectl port-forward.
//
//   db.internal:5432     a host as the client names it, and a port
//   *.internal:*         * stands for any text, and for any port
//   10.0.0.0/8:22        addresses, when the client names one
//   [::1]:8000-8999      an IPv6 address in brackets; a range of ports
//
// Names are not resolved: a stop on localhost does not know that 127.0.0.1 is the same. An allow list does not
// have to.

import { err, ok, type Result } from '../../result.ts';
import { Cidr, contains, type Network, parseAddress, parseNetwork } from '../conditions/networks.ts';
import { compileEntries, type Decision, type EntryRules, entryOf, judgeOne, type SectionEntry } from './entries.ts';
import { fits } from './glob.ts';

interface ForwardPattern {
  readonly text: string;
  /** What stands between the stars, in lower case; or a network. */
  readonly host: readonly string[] | Network;
  /** Both included. */
  readonly ports: readonly [number, number];
}

const MAX_PORT = 65_535;
const PATTERN = /^(?:\[([^\]]+)\]|([^:\s[\]]+)):(\*|\d{1,5}(?:-\d{1,5})?)$/;
const HOST = /^[a-z0-9_*]([a-z0-9_*.-]*[a-z0-9_*])?$/;

export function parseForwardPattern(text: string): Result<ForwardPattern, string> {
  const found = PATTERN.exec(text.trim());
  if (text.length > 300 || !found)
    return err('expected HOST:PORT, such as db.internal:5432, *.internal:* or [::1]:8000-8999');
  const ports = portsOf(found[3] ?? '');
  if (!ports) return err(`has no port that there is: expected 1 to ${MAX_PORT}, from the lower to the higher`);
  const [, bracketed, bare] = found;
  const host = (bracketed ?? bare ?? '').toLowerCase();
  const address = parseAddress(host);
  const network = address && !host.includes('/') ? { ...address, prefix: address.bits } : networkOf(host);
  if (typeof network === 'string') return err(network);
  if (network) return ok({ text, host: network, ports });
  if (bracketed !== undefined) return err(`[${bracketed}] is no IPv6 address`);
  if (!HOST.test(host) || isAddressLike(host)) return err(`"${host}" is neither a host's name nor an address`);
  return ok({ text, host: host.split('*'), ports });
}

function portsOf(text: string): readonly [number, number] | undefined {
  if (text === '*') return [1, MAX_PORT];
  const [from = 0, to = from] = text.split('-').map(Number);
  return from >= 1 && from <= to && to <= MAX_PORT ? [from, to] : undefined;
}

/** What is wrong with it; undefined: it is none. */
function networkOf(host: string): Network | string | undefined {
  if (!host.includes('/')) return undefined;
  const parsed = Cidr.safeParse(host);
  return parsed.success ? parseNetwork(host) : (parsed.error.issues[0]?.message ?? 'is no network');
}

/** Numbers alone, or 0x7f.1: programs take such names for addresses, each in its own way. */
const isAddressLike = (host: string): boolean => /^(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+)){0,3}$/.test(host);

export const ForwardEntry = entryOf(parseForwardPattern);
export type ForwardRules = EntryRules<ForwardPattern>;

export const compileForwardRules = (entries: readonly SectionEntry[]): ForwardRules =>
  compileEntries('forwards', entries, parseForwardPattern);

/** As the client names them; an IPv6 address without brackets. */
export interface AskedForward {
  readonly host: string;
  readonly port: number;
}

export function judgeForward(rules: ForwardRules, asked: AskedForward): Decision {
  const host = asked.host.toLowerCase().replace(/\.$/, '');
  const address = parseAddress(host);
  const named = !address && NAME.test(host) && !isAddressLike(host);
  /** `unsure`: the answer for what is neither a name nor an address that all programs read alike. */
  const fitting = (unsure: boolean) => (pattern: ForwardPattern) => {
    if (asked.port < pattern.ports[0] || asked.port > pattern.ports[1]) return false;
    if (!address && !named) return unsure;
    if ('bits' in pattern.host) return address !== undefined && contains(pattern.host, address);
    // A lone * stands for addresses too.
    return (named || pattern.host.join('*') === '*') && fits(pattern.host, host);
  };
  const shown = host.length > 100 ? `${host.slice(0, 100)}...` : host;
  return judgeOne(rules, { stops: fitting(true), letsPass: fitting(false) }, `${shown}:${asked.port}`);
}

/** `db.internal:5432`, `[::1]:22`. */
export function parseAskedForward(text: string): Result<AskedForward, string> {
  const found = /^(?:\[([^\]]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text.trim());
  const port = Number(found?.[3]);
  if (!found || port < 1 || port > MAX_PORT) return err('expected HOST:PORT, such as db.internal:5432 or [::1]:22');
  return ok({ host: found[1] ?? found[2] ?? '', port });
}

const NAME = /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/;
