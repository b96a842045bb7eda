// A second reader of recordings, written from docs/recording-format.md alone: it imports nothing of
// the product, so that it fails where the page or the product is wrong about the other.

import { createHash, createPublicKey, verify } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';

export interface ReadSession {
  readonly opened: Record<string, unknown>;
  readonly ended: Record<string, unknown>;
  readonly client: Buffer;
  readonly target: Buffer;
  readonly facts: readonly Record<string, unknown>[];
  readonly publicKey: string;
}

interface Entry {
  number: number;
  digest: string;
  bytes: number;
  rawBytes: number;
  firstFrame: number;
  frames: number;
}

const must = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(what);
};
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** `objects`: by name, `00000000.seg` and `manifest.json`. Throws at the first thing that section 5 forbids. */
export function readSession(connector: string, session: string, objects: ReadonlyMap<string, Buffer>): ReadSession {
  const manifest = readManifest(objects.get('manifest.json') ?? Buffer.alloc(0));
  must(manifest.session === session && manifest.connector.id === connector, 'another session');
  must(objects.size === manifest.segments.length + 1, 'more or fewer objects than listed');
  const wire = { 0: [] as Buffer[], 1: [] as Buffer[], 2: [] as Buffer[] };
  const lanes = new Set<number>();
  const facts: Record<string, unknown>[] = [];
  const closed: Record<string, unknown>[] = [];
  let previous: string | null = null;
  let frame = 0;
  let timeUs = 0;
  for (const [place, entry] of manifest.segments.entries()) {
    const name = `${String(place).padStart(8, '0')}.seg`;
    const object = objects.get(name) ?? Buffer.alloc(0);
    const { header, block, digest } = readSegment(object);
    must(header.session === session && header.connector === connector && header.number === place, `${name}: header`);
    must(digest === entry.digest && entry.number === place && entry.bytes === object.length, `${name}: entry`);
    must(header.previous === previous && header.firstFrame === frame && entry.firstFrame === frame, `${name}: chain`);
    must(header.frames === entry.frames && header.rawBytes === entry.rawBytes, `${name}: sizes`);
    previous = digest;
    const times: number[] = [];
    for (let at = 0; at < block.length; ) {
      const time = Number(block.readBigUInt64BE(at));
      const direction = block.readUInt8(at + 8) as 0 | 1 | 2;
      const length = block.readUInt32BE(at + 14);
      lanes.add(block.readUInt32BE(at + 10));
      const body = block.subarray(at + 18, at + 18 + length);
      must(time >= timeUs && direction <= 2 && length <= 1_048_576 && body.length === length, `${name}: frame`);
      if (block.readUInt8(at + 9) === 1) {
        const fact = JSON.parse(body.toString());
        must(object.readUInt8(7) === 1 || !('statement' in fact) || 'action' in fact, `${name}: version`);
        facts.push(fact);
        if (fact.kind === 'lane.closed' && fact.lane === block.readUInt32BE(at + 10)) closed.push(fact);
      } else wire[direction].push(body);
      timeUs = time;
      times.push(time);
      at += 18 + length;
    }
    must(times.length === header.frames, `${name}: frames`);
    must(times[0] === header.firstTimeUs && times.at(-1) === header.lastTimeUs, `${name}: times`);
    frame += times.length;
  }
  const [gateway, client, target] = [Buffer.concat(wire[0]), Buffer.concat(wire[1]), Buffer.concat(wire[2])];
  const finished = facts.filter((fact) => fact.kind === 'statement.finished');
  const begun = (kinds: readonly string[]) => facts.filter((fact) => kinds.includes(String(fact.kind))).length;
  const counted = {
    frames: frame,
    ...(manifest.format === 2 && { actions: begun(['statement.started', 'command.started', 'exchange.started']) }),
    statements: begun(['statement.started']),
    errors: finished.filter((fact) => fact.error !== undefined).length,
    rows: finished.reduce((sum, fact) => sum + Number(fact.rows), 0),
    bytes: { client: client.length, target: target.length, gateway: gateway.length },
  };
  must(JSON.stringify(counted) === JSON.stringify(manifest.counts), 'counts');
  must(sameCoverage(facts, manifest.coverage), 'coverage');
  must(sameLanes(lanes, closed, manifest), 'lanes');
  must(timeUs === manifest.durationUs, 'duration');
  const [opened, ended] = [facts[0] ?? {}, facts.at(-1) ?? {}];
  must(opened.kind === 'session.opened' && ended.kind === 'session.ended', 'first and last fact');
  must(ended.reason === manifest.end.reason && ended.message === manifest.end.message, 'end');
  return { opened, ended, client, target, facts, publicKey: manifest.connector.key };
}

/** By hand, of the facts: what a policy refused, masked and exempted. */
function sameCoverage(facts: readonly Record<string, unknown>[], claimed: Claimed): boolean {
  const sum = (
    kind: string,
    each: (fact: Record<string, unknown>) => readonly (readonly [string, number])[],
  ): string => {
    const sums: Record<string, number> = {};
    for (const fact of facts.filter((it) => it.kind === kind))
      for (const [name, count] of each(fact)) sums[name] = (sums[name] ?? 0) + count;
    return JSON.stringify(Object.entries(sums).sort());
  };
  const listed = (entries: Claimed['masked'] = []): string =>
    JSON.stringify(entries.map((it) => [String(it.rule ?? it.reason), it.count]).sort());
  const masked = (fact: Record<string, unknown>) =>
    (fact.masked as Claimed['masked']).map(({ rule, count }) => [String(rule), count] as const);
  const exempt = (facts[0] as { grant?: { obligations?: { record?: { exempt?: string } } } } | undefined)?.grant
    ?.obligations?.record?.exempt;
  return (
    sum('action.refused', (fact) => [[String(fact.reason), 1]]) === listed(claimed.refused) &&
    sum('mask.applied', masked) === listed(claimed.masked) &&
    sum('mask.applied', (fact) =>
      ((fact.notKept ?? []) as Claimed['masked']).map(({ reason, count }) => [String(reason), count] as const),
    ) === listed(claimed.notKept) &&
    sum('values.hidden', (fact) =>
      (fact.hidden as { by: string; count: number }[]).map(({ by, count }) => [by, count] as const),
    ) === JSON.stringify((claimed.hidden ?? []).map((it) => [it.by, it.count]).sort()) &&
    sum('mask.withheld', (fact) => [[String(fact.reason), Number(fact.count)]]) === listed(claimed.withheld) &&
    facts.filter((fact) => fact.kind === 'connection.joined').length + 1 === (claimed.connections ?? 1) &&
    JSON.stringify(exempt === undefined ? [] : [exempt]) === JSON.stringify(claimed.exemptions)
  );
}

function sameLanes(seen: Set<number>, closed: readonly Record<string, unknown>[], { format, coverage }: Told): boolean {
  const exempt = coverage.exemptions.length > 0;
  const sound = (recorded: string) => (recorded === 'full') === !exempt || recorded === 'partial';
  if (format === 1) {
    const lanes = coverage.lanes as readonly { readonly lane: number; readonly recorded: string }[];
    return lanes.length === seen.size && lanes.every(({ lane, recorded }) => seen.has(lane) && sound(recorded));
  }
  const partly = closed
    .filter((fact) => fact.recorded !== 'full')
    .filter((fact, index, all) => all.findIndex(({ lane }) => lane === fact.lane) === index);
  const exceptions = partly.slice(0, 1000).map(({ lane, recorded, note }) => ({
    lane,
    recorded,
    ...(note !== undefined && { note: String(note).slice(0, 200) }),
  }));
  const told = coverage.lanes as { readonly recorded: string; readonly note?: string };
  const { recorded, note: _, ...lanes } = told;
  const counted = { count: seen.size, first: Math.min(...seen), last: Math.max(...seen) };
  const more = partly.length - exceptions.length;
  return sound(recorded) && JSON.stringify(lanes) === JSON.stringify({ ...counted, exceptions, more });
}

interface Told {
  readonly format: number;
  readonly coverage: Claimed;
}

interface Claimed {
  /** A list in version 1. */
  readonly lanes: unknown;
  readonly masked: readonly { readonly rule?: string; readonly reason?: string; readonly count: number }[];
  readonly refused: Claimed['masked'];
  readonly withheld?: Claimed['masked'];
  readonly notKept?: Claimed['masked'];
  readonly hidden?: readonly { readonly by: string; readonly count: number }[];
  readonly connections?: number;
  readonly exemptions: readonly string[];
}

function readSegment(object: Buffer) {
  must(/^474853454700000[12]$/.test(object.toString('hex', 0, 8)), 'magic');
  const digest = sha256(object.subarray(0, -32));
  must(digest === object.subarray(-32).toString('hex'), 'digest');
  const headerLength = object.readUInt32BE(8);
  const blockLength = object.readUInt32BE(12 + headerLength);
  must(16 + headerLength + blockLength + 32 === object.length, 'lengths');
  const header = JSON.parse(object.toString('utf8', 12, 12 + headerLength));
  const compressed = object.subarray(16 + headerLength, -32);
  const block = zstdDecompressSync(compressed, { maxOutputLength: header.rawBytes });
  must(block.length === header.rawBytes && header.rawBytes <= 4_194_304, 'raw size');
  return { header, block, digest };
}

function readManifest(object: Buffer) {
  const envelope = JSON.parse(object.toString());
  const payload = Buffer.from(envelope.payload, 'base64');
  const signature = Buffer.from(envelope.signatures[0].sig, 'base64');
  const manifest = JSON.parse(payload.toString());
  must(manifest.format === 1 || manifest.format === 2, 'format');
  const type = `application/vnd.gatehouse.manifest.v${manifest.format}+json`;
  const written = `{"payloadType":"${type}","payload":"${payload.toString('base64')}","signatures":[{"keyid":"${manifest.connector.key}","sig":"${signature.toString('base64')}"}]}`;
  must(object.equals(Buffer.from(written)), 'envelope');
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: manifest.connector.key }, format: 'jwk' });
  must(verify(null, signed, key, signature), 'signature');
  return manifest as {
    format: number;
    session: string;
    connector: { id: string; key: string };
    segments: Entry[];
    counts: unknown;
    coverage: Claimed;
    durationUs: number;
    end: { reason: string; message: string };
  };
}
