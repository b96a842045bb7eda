// Rules on forwards: what a session opens connections to, over SSH or with kubectl port-forward.
//
//   db.internal:5432     a host as the client names it, and a port
//   *.internal:*         * stands for any text, and for any port
//   10.0.0.0/8:22        addresses, when the client names one
//   [::1]:8000-8999      an IPv6 address in brackets; a range of ports
//   remote localhost:80  where the target listens for the client (ssh -R), and not where it connects to
//
// Patterns with `remote` are judged apart from others, and others apart from them, as if each had a list of its own.
//
// A stop sees a host in all its spellings: IPv4 within IPv6 (mapped, translated, tunnelled), a zone, brackets, a dot at the end; what stands for the
// host itself (localhost, 127.0.0.1, ::1, 0.0.0.0, ::, nothing) is one. A name is resolved by whoever dials: what it
// led to is judged too, if it is told. An allow takes what is certain, as it is written; localhost is 127.0.0.1 and ::1 too.

import { err, ok, type Result } from '../../result.ts';
import { cutText } from '../../text/cut-text.ts';
import { type Address, Cidr, contains, type Network, parseAddress, parseNetwork } from '../conditions/networks.ts';
import { compileEntries, type Decision, type EntryRules, entryOf, judgeOne, type SectionEntry } from './entries.ts';
import { fits } from './glob.ts';

interface ForwardPattern {
  readonly text: string;
  /** What stands between the stars, in lower case; or a network. */
  readonly host: readonly string[] | Network;
  /** Both included. */
  readonly ports: readonly [number, number];
  readonly remote: boolean;
}

const MAX_PORT = 65_535;
const REMOTE = /^remote\s+/;
const PATTERN = /^(?:\[([^\]]+)\]|([^:\s[\]]+)):(\*|\d{1,5}(?:-\d{1,5})?)$/;
const HOST = /^[a-z0-9_*]([a-z0-9_*.-]*[a-z0-9_*])?$/;

export function parseForwardPattern(text: string): Result<ForwardPattern, string> {
  const trimmed = text.trim();
  const remote = REMOTE.test(trimmed);
  const found = PATTERN.exec(trimmed.replace(REMOTE, ''));
  if (text.length > 300 || !found)
    return err('expected HOST:PORT, such as db.internal:5432, *.internal:*, [::1]:8000-8999 or remote localhost:8080');
  const ports = portsOf(found[3] ?? '');
  if (!ports) return err(`has no port that there is: expected 1 to ${MAX_PORT}, from the lower to the higher`);
  const [, bracketed, bare] = found;
  const host = (bracketed ?? bare ?? '').toLowerCase();
  const address = parseAddress(host);
  const network = address && !host.includes('/') ? { ...address, prefix: address.bits } : networkOf(host);
  if (typeof network === 'string') return err(network);
  if (network) return ok({ text, host: network, ports, remote });
  if (bracketed !== undefined) return err(`[${bracketed}] is no IPv6 address`);
  if (/^[\d.*]*\d[\d.*]*$/.test(host) && host.includes('*'))
    return err(`"${host}" names no address: expected a network, such as 10.0.0.0/8:22`);
  if (!HOST.test(host) || isAddressLike(host)) return err(`"${host}" is neither a host's name nor an address`);
  return ok({ text, host: host.split('*'), ports, remote });
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

export interface AskedForward {
  /** As the client names it. */
  readonly host: string;
  readonly port: number;
  /** What it led to, if it is a name: all that may be dialled, and nothing else is. */
  readonly addresses?: readonly string[];
  /**
   * The target is to listen there, and connections to it come to the client. No host: on all its addresses. Port 0: the
   * target chooses.
   */
  readonly remote?: boolean;
}

/** Whether a program that connects to it reaches the machine that it runs on. */
export const isOwnMachine = (host: string): boolean => isOwn(readHost(host));

/** Whether both name one machine, as far as their spellings say. */
export function isSameHost(one: string, other: string): boolean {
  const [a, b] = [readHost(one), readHost(other)];
  if (a.name !== undefined && a.name === b.name) return true;
  return a.addresses.some((address) =>
    b.addresses.some(({ bits, value }) => address.bits === bits && address.value === value),
  );
}

const NO_FORWARDS: Decision = {
  section: 'forwards',
  verdict: 'block',
  why: 'a rule without forwards opens none, since they lead beyond its resources',
};

const NO_REMOTE_FORWARDS: Decision = {
  section: 'forwards',
  verdict: 'block',
  why: 'a rule whose forwards name none as "remote HOST:PORT" opens none',
};

/** `rules` undefined: the rule has no such section. */
export function judgeForward(rules: ForwardRules | undefined, asked: AskedForward): Decision {
  const remote = asked.remote === true;
  const own = rules && ofKind(rules, remote);
  if (!own) return remote ? NO_REMOTE_FORWARDS : NO_FORWARDS;
  // All addresses are those of the machine, and more.
  const host = readHost(remote && asked.host === '' ? '0.0.0.0' : asked.host);
  const led = (asked.addresses ?? []).map(readHost);
  const { port } = asked;
  const isPort = Number.isInteger(port) && port >= 1 && port <= MAX_PORT;
  const [lowest, highest] = remote && port === 0 ? [1, MAX_PORT] : [port, port];
  const isRange = isPort || (remote && port === 0);
  const couldBeOn = ({ ports: [from, to] }: ForwardPattern) => highest >= from && lowest <= to;
  const isOn = ({ ports: [from, to] }: ForwardPattern) => isRange && lowest >= from && highest <= to;
  return judgeOne(
    own,
    {
      // A port that is none is cut to one by some.
      stops: (pattern) => !isRange || (couldBeOn(pattern) && [host, ...led].some((one) => couldBe(pattern, one))),
      letsPass: (pattern) =>
        isOn(pattern) &&
        (isFor(pattern, asWritten(host)) ||
          (led.length > 0 && led.every((one) => isAddressFor(pattern, asWritten(one))))),
    },
    forwardWords({ ...asked, host: cutText(asked.host, 100) }),
  );
}

/** As a pattern would name it. */
export const forwardWords = ({ host, port, remote }: AskedForward): string =>
  `${remote ? 'remote ' : ''}${host.includes(':') ? `[${host}]` : remote && host === '' ? '*' : host}:${port}`;

/** As if its patterns were the section's only ones. Undefined: there are none. */
function ofKind(rules: ForwardRules, remote: boolean): ForwardRules | undefined {
  const own = (patterns: readonly ForwardPattern[]) => patterns.filter((one) => one.remote === remote);
  const entries = rules.entries.map((entry) => ({ ...entry, patterns: own(entry.patterns) }));
  if (entries.every(({ patterns }) => patterns.length === 0)) return undefined;
  const allowList = own(rules.allowList ?? []);
  return { ...rules, entries, allowList: allowList.length > 0 ? allowList : undefined };
}

interface Host {
  readonly name: string | undefined;
  /** In all its readings, as it is written first. None and no name: programs read it each in its own way. */
  readonly addresses: readonly Address[];
  /** It has one spelling less than what it means. */
  readonly plain: boolean;
}

function readHost(asked: string): Host {
  const written = asked.replace(/^\[(.*)\]$/s, '$1').replace(/(?<=[0-9a-f:])%[\w.-]+$/i, '');
  // Letters beyond ASCII fold into it in some places.
  const ascii = /^[\x21-\x7e]*$/.test(written) ? written.toLowerCase() : undefined;
  const host = ascii?.replace(/\.$/, '');
  const address = host === undefined ? undefined : parseAddress(host);
  if (address)
    return { name: undefined, addresses: [address, ...embedded(address)], plain: host === asked.toLowerCase() };
  const isName = host !== undefined && NAME.test(host) && !isAddressLike(host);
  return { name: isName ? host : undefined, addresses: [], plain: isName && !/[[%]/.test(asked) };
}

/**
 * IPv4 in IPv6, as far as the address says it: what a host, a translator or a relay on the way makes of it. A network's
 * own prefix of a translator (RFC 6052, 2.2) is known to that network alone.
 */
function embedded({ bits, value }: Address): Address[] {
  if (bits === 32) return [];
  const at = (shift: bigint, length = 32n): bigint => (value >> shift) & ((1n << length) - 1n);
  return fours(value >> 32n, at).map((four) => ({ bits: 32, value: four }));
}

/** `high`: the first 96 bits. `at`: bits of the address, by how many stand behind them. */
function fours(high: bigint, at: (shift: bigint, length?: bigint) => bigint): readonly bigint[] {
  const last = at(0n);
  // ::10.0.0.1 (RFC 4291, 2.5.5.1), ::ffff:0:10.0.0.1 (RFC 2765), 64:ff9b::10.0.0.1 (RFC 6052)
  if (high === 0n) return last > 0xffffn ? [last] : [];
  if (high === 0xffff_0000n || high === 0x64_ff9b_0000_0000_0000_0000n) return [last];
  // 64:ff9b:1::/48 (RFC 8215), with a translator's prefix of 96, 64, 56 or 48 bits: bits 64 to 71 are left out.
  if (high >> 48n === 0x64_ff9b_0001n)
    return [last, at(24n), (at(64n, 8n) << 24n) | at(32n, 24n), (at(64n, 16n) << 16n) | at(40n, 16n)];
  // 2002:a00:1:: (RFC 3056); of Teredo the client (RFC 4380, 4)
  if (high >> 80n === 0x2002n) return [at(80n)];
  if (high >> 64n === 0x2001_0000n) return [last ^ 0xffff_ffffn];
  // ISATAP: ::5efe:10.0.0.1 behind any prefix (RFC 5214, 6.1)
  return [0x5efen, 0x200_5efen].includes(at(32n)) ? [last] : [];
}

/** Where a program reaches the machine that it runs on. */
const OWN: readonly Network[] = ['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128'].map(parseNetwork);
const LOOPBACK: readonly Network[] = ['127.0.0.1/32', '::1/128'].map(parseNetwork);
const OWN_NAMES = ['localhost', 'localhost.localdomain', 'ip6-localhost', 'ip6-loopback'];
const isOwn = ({ name, addresses }: Host): boolean =>
  name !== undefined
    ? OWN_NAMES.includes(name) || name.endsWith('.localhost')
    : addresses.some((address) => OWN.some((network) => contains(network, address)));

/** What a translator would make of it is not certain. */
const asWritten = (host: Host): Host => ({ ...host, addresses: host.addresses.slice(0, 1) });

function couldBe(pattern: ForwardPattern, host: Host): boolean {
  if (host.name === undefined && host.addresses.length === 0) return true;
  if (isFor(pattern, { ...host, plain: true })) return true;
  return isOwn(host) && namesOwn(pattern);
}

const namesOwn = ({ host }: ForwardPattern): boolean =>
  'bits' in host
    ? OWN.some((own) => contains(host, own) || contains(own, host))
    : OWN_NAMES.some((name) => fits(host, name)) || host.join('*').endsWith('.localhost');

function isFor(pattern: ForwardPattern, host: Host): boolean {
  if (!host.plain) return false;
  if (host.name === undefined) return isAddressFor(pattern, host);
  return !('bits' in pattern.host) && fits(pattern.host, host.name);
}

function isAddressFor({ host: wanted }: ForwardPattern, { addresses }: Host): boolean {
  if (addresses.length === 0) return false;
  if (!('bits' in wanted)) {
    // A lone * stands for addresses too, and localhost for those that it always leads to (RFC 6761, 6.3): editors name these.
    const name = wanted.join('*');
    return (
      name === '*' || (name === 'localhost' && addresses.every((one) => LOOPBACK.some((own) => contains(own, one))))
    );
  }
  return addresses.some((address) => contains(wanted, address));
}

/** `db.internal:5432`, `[::1]:22`, `remote localhost:8080`, `remote *:0`. */
export function parseAskedForward(text: string): Result<AskedForward, string> {
  const trimmed = text.trim();
  const remote = REMOTE.test(trimmed);
  const found = /^(?:\[([^\]]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(trimmed.replace(REMOTE, ''));
  const port = Number(found?.[3]);
  if (!found || port < (remote ? 0 : 1) || port > MAX_PORT)
    return err('expected HOST:PORT, such as db.internal:5432, [::1]:22 or remote localhost:8080');
  const host = found[1] ?? found[2] ?? '';
  return ok(remote ? { host: host === '*' ? '' : host, port, remote } : { host, port });
}

const NAME = /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/;
