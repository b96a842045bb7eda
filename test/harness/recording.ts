// Sessions that are recorded for real: opens logs, plays clients whose bytes are remembered as they
// are delivered, and reads recordings back from the object directory.

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodePlatform } from '../../connector/recording/archive/node-platform.ts';
import {
  openRecordingLog,
  type RecordingLog,
  type RecordingLogOptions,
} from '../../connector/recording/recording-log.ts';
import type { Delivery, LogFault } from '../../connector/door.ts';
import type { KeptOriginals, SessionLog, SessionRecorder } from '../../connector/session/session-log.ts';
import type { Report } from '../../core/control.ts';
import { type ConnectorId, newId, type SessionId } from '../../core/ids.ts';
import type { Fact } from '../../core/recording/facts/fact.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { Direction } from '../../core/recording/frame.ts';
import type { Replacement } from '../../core/recording/originals/original-object.ts';
import { decodeSegment, framesOf } from '../../core/recording/segment.ts';
import { type VerifyReport, verifySession } from '../../core/recording/verify.ts';
import { ResourceName } from '../../core/resource.ts';

export interface TestConnector {
  readonly id: ConnectorId;
  readonly key: KeyObject;
  readonly publicKey: Uint8Array;
}

export function testConnector(): TestConnector {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(String(publicKey.export({ format: 'jwk' }).x), 'base64url');
  return { id: newId('con'), key: privateKey, publicKey: raw };
}

export function openedFact(connector: ConnectorId, session: SessionId): SessionOpened {
  return {
    kind: 'session.opened',
    session,
    connector: { id: connector, name: 'test', build: 'test' },
    identity: { subject: 'idp#alice', email: 'alice@example.com', name: 'Alice', groups: [], provider: 'demo' },
    grant: {
      id: newId('grt'),
      request: newId('req'),
      reason: 'a test',
      labels: {},
      until: '2030-01-01T00:00:00.000Z',
      rule: 'demo',
      policyVersion: 1,
      obligations: { record: { retainDays: 2 } },
    },
    resource: ResourceName.parse('demo'),
    protocol: 'postgres',
    startedAt: new Date().toISOString(),
    client: { address: '127.0.0.1' },
    details: {},
  };
}

export interface OpenedLog {
  readonly log: RecordingLog;
  readonly reports: Report[];
  /** Reasons of connector.fault, in order. */
  faults(): string[];
}

export async function openLog(
  connector: TestConnector,
  directory: string,
  more: Partial<RecordingLogOptions> & Pick<RecordingLogOptions, 'store'>,
): Promise<OpenedLog> {
  const reports: Report[] = [];
  const opened = await openRecordingLog({
    directory,
    connector: { id: connector.id, name: 'test', build: 'test' },
    signingKey: connector.key,
    onReport: (report) => reports.push(report),
    ...more,
    limits: { minFreeBytes: 1, backOff: { firstMs: 50, longestMs: 400 }, ...more.limits },
  });
  if (!opened.ok) throw new Error(`${opened.error.reason}: ${opened.error.message}`);
  const faults = (): string[] => reports.flatMap((report) => (report.kind === 'connector.fault' ? report.reason : []));
  return { log: opened.value, reports, faults };
}

/** One session, with what reached the other side: the measure of law 1. */
export class RecordedClient {
  readonly session: SessionId;
  readonly recorder: SessionRecorder;
  readonly delivered: Record<Direction, Buffer[]> = { client: [], target: [], gateway: [] };
  readonly failures: LogFault[] = [];
  #waiting: { direction: Direction; chunk: Buffer }[] = [];
  readonly #delivery: Delivery = {
    deliver: () => {
      for (const { direction, chunk } of this.#waiting.splice(0)) this.delivered[direction].push(chunk);
    },
  };

  /** `kept`: what masks hide in it is sealed so. */
  constructor(
    connector: TestConnector,
    log: SessionLog,
    session = newId('ses'),
    kept?: { readonly originals: KeptOriginals; readonly to: readonly string[] },
  ) {
    this.session = session;
    const failed = (fault: LogFault) => {
      this.#waiting = [];
      this.failures.push(fault);
    };
    const fact = openedFact(connector.id, session);
    if (kept) {
      fact.grant.obligations.record.originals = [...kept.to];
      fact.originals = { key: kept.originals.key };
    }
    const opened = log.open(fact, failed, kept?.originals);
    if (!opened.ok) throw new Error(opened.error.message);
    this.recorder = opened.value;
  }

  send(direction: Direction, chunk: Buffer | string, hid?: readonly Replacement[]): void {
    const bytes = Buffer.from(chunk);
    this.recorder.bytes(direction, 0, bytes, hid);
    this.#waiting.push({ direction, chunk: bytes });
    this.recorder.afterCommit(this.#delivery);
  }

  get deliveredBytes(): number {
    return [...this.delivered.client, ...this.delivered.target].reduce((sum, chunk) => sum + chunk.length, 0);
  }

  end(reason: 'client_closed' | 'log_failed' = 'client_closed'): void {
    this.recorder.end({ kind: 'session.ended', reason, message: 'the test is over' });
  }
}

export interface StoredRecording {
  /** Everything recorded of a direction. */
  wire(direction: Direction): Buffer;
  readonly facts: Fact[];
}

const folder = (objects: string, connector: TestConnector, session: SessionId): string =>
  join(objects, 'recordings', connector.id, session);

export function objectNames(objects: string, connector: TestConnector, session: SessionId): string[] {
  const path = folder(objects, connector, session);
  return existsSync(path) ? readdirSync(path).sort() : [];
}

export function readRecording(objects: string, connector: TestConnector, session: SessionId): StoredRecording {
  const chunks: Record<Direction, Buffer[]> = { client: [], target: [], gateway: [] };
  const facts: Fact[] = [];
  for (const name of objectNames(objects, connector, session)) {
    if (!name.endsWith('.seg')) continue;
    const bytes = readFileSync(join(folder(objects, connector, session), name));
    for (const frame of framesOf(decodeSegment(bytes, nodePlatform))) {
      if (frame.kind === 'bytes') chunks[frame.direction].push(Buffer.from(frame.body));
      else facts.push(JSON.parse(Buffer.from(frame.body).toString()) as Fact);
    }
  }
  return { wire: (direction) => Buffer.concat(chunks[direction]), facts };
}

export function verifyStored(objects: string, connector: TestConnector, session: SessionId): Promise<VerifyReport> {
  const path = folder(objects, connector, session);
  return verifySession({
    session,
    connector: connector.id,
    platform: nodePlatform,
    trustedKeys: [connector.publicKey],
    source: {
      list: async () => objectNames(objects, connector, session),
      read: async (name) => (existsSync(join(path, name)) ? readFileSync(join(path, name)) : undefined),
    },
  });
}
