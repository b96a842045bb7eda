// Builds recordings as a connector would store them, for tests that start from stored objects.

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type ConnectorId,
  type GrantId,
  type IdSource,
  newId,
  type RequestId,
  type SessionId,
} from '../../core/ids.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { Fact } from '../../core/recording/facts/fact.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import {
  DIRECTION_CODE,
  type Direction,
  FRAME_HEADER_BYTES,
  KIND_CODE,
  writeFrameHeader,
} from '../../core/recording/frame.ts';
import { FORMAT_VERSION } from '../../core/recording/format-version.ts';
import type { LaneException } from '../../core/recording/lane-coverage.ts';
import {
  type Coverage,
  encodeManifest,
  type Manifest,
  type ManifestSegment,
  preAuthEncoding,
} from '../../core/recording/manifest.ts';
import {
  encodeSegment,
  LATER_SEGMENT_MAX_AGE_MS,
  manifestKey,
  type RecordingPlatform,
  SEGMENT_TARGET_BYTES,
  segmentKey,
} from '../../core/recording/segment.ts';
import { ResourceName } from '../../core/resource.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';

export interface ConnectorIdentity {
  readonly id: ConnectorId;
  readonly name: string;
  readonly build: string;
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

export function newConnector(source?: IdSource): ConnectorIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  return { id: newId('con', source), name: 'test', build: 'test', publicKey: raw, privateKey };
}

export interface BuilderOptions {
  readonly connector?: ConnectorIdentity;
  readonly session?: SessionId;
  readonly email?: string;
  readonly resource?: string;
  readonly task?: string;
  readonly trace?: string;
  readonly reason?: string;
  /** The policy has it not recorded, for this reason. */
  readonly exempt?: string;
  readonly startedAt?: string;
  readonly platform?: RecordingPlatform;
  readonly protocol?: ProtocolName;
  /** Segments are cut by size and age as a connector does; otherwise by `cut` alone. */
  readonly cuts?: boolean;
}

export type StoredObjects = ReadonlyMap<string, Uint8Array>;

const SOCKET_READ = 64 * 1024;

export class RecordingBuilder {
  readonly connector: ConnectorIdentity;
  readonly session: SessionId;
  readonly opened: SessionOpened;
  readonly objects = new Map<string, Uint8Array>();
  readonly #platform: RecordingPlatform;
  readonly #cuts: boolean;
  readonly #counts = {
    frames: 0,
    actions: 0,
    statements: 0,
    errors: 0,
    rows: 0,
    bytes: { client: 0, target: 0, gateway: 0 },
  };
  readonly #refused = new Map<string, number>();
  readonly #masked = new Map<string, number>();
  readonly #withheld = new Map<string, number>();
  readonly #notKept = new Map<string, number>();
  readonly #lanes = new Set<number>();
  readonly #exceptions: LaneException[] = [];
  readonly #segments: ManifestSegment[] = [];
  #frames: Uint8Array[] = [];
  #pending = 0;
  #firstTimeUs = 0;
  #timeUs = 0;
  #lastTimeUs = 0;
  #frameCount = 0;
  #previous: string | null = null;
  #statement = 0;

  constructor(options: BuilderOptions = {}) {
    this.connector = options.connector ?? newConnector();
    this.session = options.session ?? newId('ses');
    this.#platform = options.platform ?? nodeRecordingPlatform;
    this.#cuts = options.cuts ?? false;
    const email = options.email ?? 'alice@example.com';
    this.opened = {
      kind: 'session.opened',
      session: this.session,
      connector: { id: this.connector.id, name: this.connector.name, build: this.connector.build },
      identity: {
        subject: `https://idp.example#${email}`,
        email,
        name: email,
        groups: ['demo:developers'],
        provider: 'demo',
      },
      grant: {
        id: newId('grt') as GrantId,
        request: newId('req') as RequestId,
        reason: options.reason ?? 'a test',
        labels: {
          ...(options.task === undefined ? {} : { task: options.task }),
          ...(options.trace === undefined ? {} : { trace: options.trace }),
        },
        until: '2030-01-01T00:00:00.000Z',
        rule: 'demo',
        policyVersion: 1,
        obligations: { record: { retainDays: 90, ...(options.exempt !== undefined && { exempt: options.exempt }) } },
      },
      resource: ResourceName.parse(options.resource ?? 'demo'),
      protocol: options.protocol ?? 'postgres',
      startedAt: options.startedAt ?? '2026-11-20T12:00:00.000Z',
      client: { address: '127.0.0.1', application: 'psql' },
      details: { database: 'shop' },
    };
    this.fact(this.opened);
  }

  /** Moves the session's clock. */
  wait(us: number): this {
    this.#timeUs += us;
    return this;
  }

  bytes(direction: Direction, chunk: Uint8Array, lane = 0): this {
    this.#counts.bytes[direction] += chunk.length;
    return this.#frame(direction, 'bytes', chunk, lane);
  }

  fact(fact: Fact, lane = 0): this {
    if (fact.kind === 'statement.started') this.#counts.statements++;
    if (/^(statement|command|exchange)\.started$/.test(fact.kind)) this.#counts.actions++;
    if (fact.kind === 'lane.closed' && fact.recorded !== 'full') {
      const { kind: _, ...exception } = fact;
      this.#exceptions.push(exception);
    }
    if (fact.kind === 'statement.finished') {
      this.#counts.rows += fact.rows;
      if (fact.error) this.#counts.errors++;
    }
    if (fact.kind === 'action.refused') {
      count(this.#refused, fact.reason, 1);
      if (lane !== 0) this.#counts.errors++;
    }
    if (fact.kind === 'mask.applied') {
      for (const it of fact.masked) count(this.#masked, it.rule, it.count);
      for (const it of fact.notKept ?? []) count(this.#notKept, it.reason, it.count);
    }
    if (fact.kind === 'mask.withheld') count(this.#withheld, fact.reason, fact.count);
    return this.#frame('gateway', 'fact', new TextEncoder().encode(JSON.stringify(fact)), lane);
  }

  /** A fact of whatever shape, for damage and for newer connectors. */
  rawFact(json: unknown): this {
    return this.rawBody(new TextEncoder().encode(JSON.stringify(json)));
  }

  /** A frame of kind `fact` that need not be one. */
  rawBody(body: Uint8Array): this {
    return this.#frame('gateway', 'fact', body);
  }

  /** Before anything else: tells the session's opening otherwise, or not at all. */
  rawOpening(change: object | undefined): this {
    this.#frames = [];
    this.#pending = 0;
    this.#counts.frames = 0;
    return change ? this.rawFact({ ...this.opened, ...change }) : this;
  }

  /** A statement and its answer, with their bytes. Returns the statement's number through `statement`. */
  query(text: string, answer: Uint8Array, more: { tags?: string[]; rows?: number; error?: ErrorOf } = {}): this {
    const statement = ++this.#statement;
    const request = simpleQuery(text);
    const at = { direction: 'client' as const, lane: 0, offset: this.#counts.bytes.client, length: request.length };
    this.bytes('client', request);
    this.fact({ kind: 'statement.started', action: statement, form: 'simple', text, at });
    this.wait(1000);
    const offset = this.#counts.bytes.target;
    // As it came from a socket, when it is long.
    for (let from = 0; from < answer.length; from += SOCKET_READ)
      this.bytes('target', answer.subarray(from, from + SOCKET_READ));
    this.fact({
      kind: 'statement.finished',
      action: statement,
      tags: more.error ? [] : (more.tags ?? ['SELECT 1']),
      rows: more.rows ?? 1,
      bytes: answer.length,
      durationUs: 1000,
      ...(more.error ? { error: more.error } : {}),
      at: { direction: 'target', lane: 0, offset, length: answer.length },
    });
    return this.wait(1000);
  }

  #frame(direction: Direction, kind: 'bytes' | 'fact', body: Uint8Array, lane = 0): this {
    if (this.#cuts && this.#isDue(FRAME_HEADER_BYTES + body.length)) this.cut();
    this.#lanes.add(lane);
    const frame = new Uint8Array(FRAME_HEADER_BYTES + body.length);
    writeFrameHeader(frame, 0, this.#timeUs, DIRECTION_CODE[direction], KIND_CODE[kind], lane, body.length);
    frame.set(body, FRAME_HEADER_BYTES);
    if (this.#frames.length === 0) this.#firstTimeUs = this.#timeUs;
    this.#lastTimeUs = this.#timeUs;
    this.#frames.push(frame);
    this.#pending += frame.length;
    this.#counts.frames++;
    return this;
  }

  /** Bytes that wait for the next cut. */
  get pendingBytes(): number {
    return this.#pending;
  }

  #isDue(length: number): boolean {
    const ageMs = (this.#timeUs - this.#firstTimeUs) / 1000;
    return this.#pending + length > SEGMENT_TARGET_BYTES || ageMs >= LATER_SEGMENT_MAX_AGE_MS;
  }

  /** Ends a segment; nothing when no frame waits. */
  cut(): this {
    if (this.#frames.length === 0) return this;
    const block = new Uint8Array(Buffer.concat(this.#frames));
    const number = this.#segments.length;
    const header = {
      session: this.session,
      connector: this.connector.id,
      number,
      previous: this.#previous,
      firstFrame: this.#frameCount,
      frames: this.#frames.length,
      firstTimeUs: this.#firstTimeUs,
      lastTimeUs: this.#lastTimeUs,
      rawBytes: block.length,
    };
    const { bytes, digest } = encodeSegment(header, block, this.#platform);
    this.objects.set(segmentKey(this.connector.id, this.session, number), bytes);
    const { firstFrame, frames, rawBytes } = header;
    this.#segments.push({ number, digest, bytes: bytes.length, rawBytes, firstFrame, frames });
    this.#frameCount += this.#frames.length;
    this.#previous = digest;
    this.#frames = [];
    this.#pending = 0;
    return this;
  }

  /** Ends the session: its last fact, last segment and manifest. */
  end(): this {
    const end = { reason: 'client_closed' as const, message: 'the client closed the connection' };
    this.fact({ kind: 'session.ended', ...end });
    this.cut();
    const startedMs = Date.parse(this.opened.startedAt);
    const manifest: Manifest = {
      format: FORMAT_VERSION,
      session: this.session,
      connector: {
        id: this.connector.id,
        name: this.connector.name,
        build: this.connector.build,
        key: Buffer.from(this.connector.publicKey).toString('base64url'),
      },
      opened: this.opened,
      startedAt: this.opened.startedAt,
      endedAt: new Date(startedMs + this.#lastTimeUs / 1000).toISOString(),
      durationUs: this.#lastTimeUs,
      segments: this.#segments,
      counts: this.#counts,
      end,
      coverage: this.#coverage(),
    };
    this.objects.set(manifestKey(this.connector.id, this.session), sealManifest(manifest, this.connector));
    return this;
  }

  #coverage(): Coverage {
    const { exempt } = this.opened.grant.obligations.record;
    return {
      lanes: {
        count: this.#lanes.size,
        first: Math.min(...this.#lanes),
        last: Math.max(...this.#lanes),
        ...(exempt === undefined ? { recorded: 'full' } : { recorded: 'none', note: exempt }),
        exceptions: this.#exceptions,
        more: 0,
      },
      masked: [...this.#masked].map(([rule, count]) => ({ rule, count })),
      ...(this.#notKept.size > 0 && { notKept: [...this.#notKept].map(([reason, count]) => ({ reason, count })) }),
      ...(this.#withheld.size > 0 && { withheld: [...this.#withheld].map(([reason, count]) => ({ reason, count })) }),
      refused: [...this.#refused].map(([reason, count]) => ({ reason, count })),
      exemptions: exempt === undefined ? [] : [exempt],
    };
  }

  async writeTo(directory: string): Promise<void> {
    await writeObjects(directory, this.objects);
  }
}

const count = (to: Map<string, number>, name: string, by: number): void => {
  to.set(name, (to.get(name) ?? 0) + by);
};

interface ErrorOf {
  readonly code: string;
  readonly severity: string;
  readonly message: string;
}

/** The manifest's signed envelope. */
export function sealManifest(manifest: Manifest, connector: ConnectorIdentity): Uint8Array {
  const payload = new TextEncoder().encode(JSON.stringify(manifest));
  const signature = sign(null, preAuthEncoding(manifest.format, payload), connector.privateKey);
  return encodeManifest(manifest.format, payload, signature, manifest.connector.key);
}

export async function writeObjects(directory: string, objects: StoredObjects): Promise<void> {
  for (const [key, bytes] of objects) {
    await mkdir(dirname(join(directory, key)), { recursive: true });
    await writeFile(join(directory, key), bytes);
  }
}

/** A notification as S3 sends it. */
export const eventOf = (...keys: string[]) => ({
  Records: keys.map((key) => ({
    eventSource: 'aws:s3',
    eventName: 'ObjectCreated:Put',
    s3: { bucket: { name: 'recordings' }, object: { key: encodeURIComponent(key).replaceAll('%2F', '/') } },
  })),
});

// PostgreSQL messages, as protocol-message-formats.html lays them out.

export function message(type: string, ...parts: (Uint8Array | string)[]): Uint8Array {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return new Uint8Array(Buffer.concat([head, body]));
}

export const int16 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
export const int32 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export const simpleQuery = (text: string): Uint8Array => message('Q', text, '\0');

export const rowDescription = (columns: readonly { name: string; type?: number; format?: 0 | 1 }[]): Uint8Array =>
  message(
    'T',
    int16(columns.length),
    ...columns.flatMap(({ name, type, format }) => [
      `${name}\0`,
      int32(0),
      int16(0),
      int32(type ?? 25),
      int16(-1),
      int32(-1),
      int16(format ?? 0),
    ]),
  );

export const dataRow = (cells: readonly (string | Uint8Array | null)[]): Uint8Array =>
  message(
    'D',
    int16(cells.length),
    ...cells.flatMap((cell) => {
      if (cell === null) return [int32(-1)];
      const bytes = typeof cell === 'string' ? Buffer.from(cell) : cell;
      return [int32(bytes.length), bytes];
    }),
  );

export const commandComplete = (tag: string): Uint8Array => message('C', `${tag}\0`);
export const readyForQuery = (): Uint8Array => message('Z', 'I');

/** A whole answer to a simple query. */
export const answer = (columns: readonly string[], rows: readonly (readonly (string | null)[])[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat([
      rowDescription(columns.map((name) => ({ name }))),
      ...rows.map(dataRow),
      commandComplete(`SELECT ${rows.length}`),
      readyForQuery(),
    ]),
  );
