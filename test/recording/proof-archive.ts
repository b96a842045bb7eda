// A small archive with all that proves it, for tests that change it: recordings in a directory, their catalogue behind the
// functions' own application, and an edge that nobody can reach into. Of the edge it has what `gatehouse verify` asks.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import type { Witnessed } from '../../core/api.ts';
import type { AuditEntry } from '../../core/audit/audit.ts';
import { SessionPage } from '../../core/catalogue.ts';
import { manifestKey } from '../../core/recording/segment.ts';
import { ObjectList } from '../../core/api.ts';
import { secret } from '../../core/secret.ts';
import {
  AdmittedSession,
  catalogueWordOf,
  type EdgeRecord,
  listedEntry,
  openingOf,
  sessionEntryOf,
  StoredSession,
} from '../../core/session-evidence.ts';
import { checkpointText, parseCheckpoint, showLogProof } from '../../core/tlog/checkpoint.ts';
import { BUNDLE_ENTRIES, bundleName, checkpointName, encodeBundle, LOG_PREFIX } from '../../core/tlog/log-archive.ts';
import { hashLeaf, inclusionProof, nodesOfLeaf, type ReadNode, rootOf } from '../../core/tlog/merkle.ts';
import { type NoteKey, noteKey, showNote, showNoteKey, type SignNote, signNote } from '../../core/tlog/note.ts';
import { sessionDigest, showLogEntry } from '../../core/tlog/session-entry.ts';
import { localDynamoDbClient } from '../../functions/local/dynamodb.ts';
import { type LocalDynamoDb, type LocalFunctions, startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { type Finished, command } from '../cli/run-cli.ts';
import { eventOf, type RecordingBuilder } from '../harness/recording-builder.ts';

const TOKEN = 'a token of the test';
const TableName = 'gatehouse-catalogue';
/** Long enough ago that nothing is excused by an indexer that is behind. */
const ENDED = '2026-11-20T13:00:00.000Z';

export class SessionLog {
  readonly entries: string[] = [];
  readonly #nodes = new Map<string, Uint8Array>();
  readonly key: NoteKey;
  readonly #sign: SignNote;
  readonly #read: ReadNode = (level, index) => {
    const node = this.#nodes.get(`${level}/${index}`);
    if (!node) throw new Error(`no node ${level}/${index}`);
    return node;
  };

  constructor(key: NoteKey, sign: SignNote) {
    this.key = key;
    this.#sign = sign;
  }

  static async called(name: string): Promise<SessionLog> {
    const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
    if (!('privateKey' in pair)) throw new Error('no pair');
    const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
    return new SessionLog(
      await noteKey(name, 'log', raw),
      async (data) => new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, new Uint8Array(data))),
    );
  }

  async add(entry: string): Promise<void> {
    const leaf = await hashLeaf(new TextEncoder().encode(entry));
    for (const { level, index, hash } of await nodesOfLeaf(this.entries.length, leaf, this.#read))
      this.#nodes.set(`${level}/${index}`, hash);
    this.entries.push(entry);
  }

  async addSession({ session, connector, objects }: RecordingBuilder): Promise<void> {
    const subject = await sessionDigest(session);
    await this.add(showLogEntry({ event: 'opened', session: subject }));
    const manifest = objects.get(manifestKey(connector.id, session));
    if (manifest) await this.add(showLogEntry({ event: 'manifest', session: subject, digest: digestOf(manifest) }));
  }

  async checkpoint(size = this.entries.length): Promise<string> {
    const text = checkpointText({ origin: this.key.name, size, root: await rootOf(size, this.#read) });
    return showNote({ text, signatures: [await signNote(text, this.key, this.#sign)] });
  }

  async proofs(session: string): Promise<NonNullable<Witnessed['log']>> {
    const subject = await sessionDigest(session);
    const checkpoint = parseCheckpoint(await this.checkpoint());
    if (!checkpoint.ok) throw new Error(checkpoint.error);
    const own = [...this.entries.entries()].filter(([, entry]) => entry.includes(` ${subject}`));
    return Promise.all(
      own.map(async ([index, entry]) => {
        const path = await inclusionProof(index, this.entries.length, this.#read);
        return { entry, proof: showLogProof({ index, path, checkpoint: checkpoint.value }) };
      }),
    );
  }

  /** What the edge keeps of it in the bucket, by key. */
  async objects(size = this.entries.length): Promise<Map<string, Uint8Array | string>> {
    const objects = new Map<string, Uint8Array | string>();
    for (let index = 0; index * BUNDLE_ENTRIES < size; index++) {
      const entries = this.entries.slice(index * BUNDLE_ENTRIES, Math.min(size, (index + 1) * BUNDLE_ENTRIES));
      objects.set(LOG_PREFIX + bundleName(index, entries.length), encodeBundle(entries));
    }
    return objects.set(LOG_PREFIX + checkpointName(size), await this.checkpoint(size));
  }
}

const digestOf = (bytes: Uint8Array): string => Buffer.from(nodeRecordingPlatform.sha256(bytes)).toString('hex');

interface Known {
  readonly witnessed: Witnessed;
  readonly edge: EdgeRecord;
}

export class ProofArchive {
  readonly log: SessionLog;
  /** The newest entries of the edge's audit log, as it answers whoever asks. */
  readonly audit: AuditEntry[] = [];
  readonly #root: string;
  readonly #known = new Map<string, Known>();
  readonly #connectors = new Map<string, Uint8Array>();
  readonly #database: LocalDynamoDb;
  readonly #functions: LocalFunctions;
  readonly #edge: Server;
  readonly #table: DynamoDBDocumentClient;
  #rows: Record<string, unknown>[] = [];

  private constructor(root: string, log: SessionLog, [database, functions]: readonly [LocalDynamoDb, LocalFunctions]) {
    this.#root = root;
    this.log = log;
    this.#database = database;
    this.#functions = functions;
    this.#table = DynamoDBDocumentClient.from(localDynamoDbClient(database.endpoint));
    this.#edge = createServer((request, response) => {
      this.#answer((request.url ?? '').split('?')[0] ?? '').then(
        (body) => {
          const isBytes = body instanceof Uint8Array;
          response.writeHead(body === undefined ? 404 : 200, {
            'content-type': isBytes ? 'application/octet-stream' : 'application/json',
          });
          response.end(isBytes ? body : JSON.stringify(body ?? { error: { reason: 'not_found', message: 'none' } }));
        },
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  }

  static async start(): Promise<ProofArchive> {
    const root = await mkdtemp(join(tmpdir(), 'gatehouse-proof-'));
    const database = await startLocalDynamoDb();
    const functions = await startFunctions({
      port: 0,
      objectsDirectory: join(root, 'bucket'),
      dynamoEndpoint: database.endpoint,
      token: secret(TOKEN),
      report: () => {},
    });
    const archive = new ProofArchive(root, await SessionLog.called('gatehouse.test/sessions'), [database, functions]);
    await new Promise<void>((resolve) => archive.#edge.listen(0, '127.0.0.1', resolve));
    return archive;
  }

  /** Stored, witnessed and indexed, as whole sessions are. */
  async add(...builders: readonly RecordingBuilder[]): Promise<void> {
    for (const builder of builders) {
      const { session, connector, objects, opened } = builder;
      await builder.writeTo(this.bucket);
      await this.index(builder);
      const digest = digestOf(objects.get(manifestKey(connector.id, session)) ?? new Uint8Array());
      const segments = [...objects].filter(([key]) => key.endsWith('.seg')).map(([, bytes]) => bytes);
      const heads = segments.map((bytes, number) => ({
        number,
        digest: Buffer.from(bytes.subarray(-32)).toString('hex'),
        at: ENDED,
      }));
      const manifest = { digest, segments: segments.length, at: ENDED };
      this.#known.set(session, {
        witnessed: { session, connector: connector.id, heads, manifest },
        edge: { connector: connector.id, admitted: AdmittedSession.parse(openingOf(opened)), manifest: digest },
      });
      this.#connectors.set(connector.id, connector.publicKey);
      await this.log.addSession(builder);
    }
    for (const [key, bytes] of await this.log.objects()) await this.put(key, bytes);
  }

  /** What restore() brings back. */
  async keep(): Promise<void> {
    await cp(this.bucket, join(this.#root, 'kept'), { recursive: true });
    this.#rows = await this.rows();
    const connectors = [...this.#connectors.values()].map(
      (key) => `connector ${Buffer.from(key).toString('base64url')}`,
    );
    await writeFile(join(this.#root, 'keys'), `${connectors.join('\n')}\nlog ${showNoteKey(this.log.key)}\n`);
    await writeFile(join(this.#root, 'checkpoint'), await this.log.checkpoint());
  }

  async restore(): Promise<void> {
    await rm(this.bucket, { recursive: true });
    await cp(join(this.#root, 'kept'), this.bucket, { recursive: true });
    const [now, kept] = [rowsByKey(await this.rows()), rowsByKey(this.#rows)];
    for (const [key, row] of now) if (!kept.has(key)) await this.deleteRow(row);
    for (const [key, row] of kept) if (!isDeepStrictEqual(now.get(key), row)) await this.putRow(row);
  }

  get bucket(): string {
    return join(this.#root, 'bucket');
  }

  async put(key: string, bytes: Uint8Array | string): Promise<void> {
    await mkdir(dirname(join(this.bucket, key)), { recursive: true });
    await writeFile(join(this.bucket, key), bytes);
  }

  async remove(key: string): Promise<void> {
    await rm(join(this.bucket, key), { recursive: true });
  }

  async index({ objects }: RecordingBuilder): Promise<void> {
    const response = await this.#call('/events', {
      method: 'POST',
      body: JSON.stringify(eventOf(...objects.keys())),
    });
    if (!response.ok) throw new Error(`the functions answered ${response.status}`);
  }

  async rows(): Promise<Record<string, unknown>[]> {
    return (await this.#table.send(new ScanCommand({ TableName }))).Items ?? [];
  }

  async putRow(Item: Record<string, unknown>): Promise<void> {
    await this.#table.send(new PutCommand({ TableName, Item }));
  }

  async deleteRow({ pk, sk }: Record<string, unknown>): Promise<void> {
    await this.#table.send(new DeleteCommand({ TableName, Key: { pk, sk } }));
  }

  /** In the edge's own witness, by whoever can write there; the audit log has no such entry. */
  forgePurge(session: string, audit: number): () => void {
    const known = this.#known.get(session);
    if (!known) throw new Error(`nobody witnessed ${session}`);
    this.#known.set(session, { ...known, witnessed: { ...known.witnessed, purged: { at: ENDED, audit } } });
    return () => void this.#known.set(session, known);
  }

  verifyOnline(...args: string[]): Promise<Finished> {
    const GATEHOUSE_URL = `http://127.0.0.1:${(this.#edge.address() as AddressInfo).port}`;
    return command(['verify', '--all', ...args], { GATEHOUSE_URL, GATEHOUSE_TOKEN: 'gat_secret' });
  }

  verifyCopy(...args: string[]): Promise<Finished> {
    return command(['verify', '--dir', this.bucket, '--keys', join(this.#root, 'keys'), ...args]);
  }

  /** As an auditor has it, who took it away in time. */
  get keptCheckpoint(): readonly string[] {
    return ['--checkpoint', join(this.#root, 'checkpoint')];
  }

  async close(): Promise<void> {
    this.#edge.closeAllConnections();
    await new Promise((resolve) => this.#edge.close(resolve));
    this.#table.destroy();
    await this.#functions.close();
    await this.#database.close();
    await rm(this.#root, { recursive: true });
  }

  #call(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.#functions.url + path, { ...init, headers: { authorization: `Bearer ${TOKEN}` } });
  }

  /** Undefined: there is none. */
  async #answer(path: string): Promise<unknown> {
    const [, session = '', objects = '', name] =
      /^\/api\/v1\/sessions\/(ses_\w+)(\/objects)?(?:\/(.+))?$/.exec(path) ?? [];
    if (session !== '') return this.#session(session, objects, name);
    if (path === '/api/v1/connectors') {
      const joined = { online: true, joinedAt: ENDED };
      const list = [...this.#connectors].map(([id, key]) => ({
        ...joined,
        id,
        name: id,
        key: Buffer.from(key).toString('base64url'),
      }));
      return { connectors: list };
    }
    if (path === '/api/v1/audit') return { entries: this.audit };
    if (path === '/api/v1/log') return { key: showNoteKey(this.log.key), checkpoint: await this.log.checkpoint() };
    if (path === '/api/v1/witness') {
      const all = [...this.#known.values()].map(({ witnessed: { session: id, connector, heads } }) => ({
        session: id,
        connector,
        heads: heads.length,
      }));
      return { sessions: all };
    }
    if (path === '/api/v1/sessions') {
      const page = SessionPage.parse(await (await this.#call('/sessions?limit=200')).json());
      return { sessions: page.sessions.map((row) => listedEntry(row, this.#known.get(row.id)?.edge ?? {})) };
    }
    const known = this.#known.get(path.replace('/api/v1/witness/', ''));
    return known && { ...known.witnessed, log: await this.log.proofs(known.witnessed.session) };
  }

  async #session(session: string, objects: string, name: string | undefined): Promise<unknown> {
    const edge = this.#known.get(session)?.edge ?? {};
    const place = edge.connector ? `?connector=${edge.connector}` : '';
    const path = `/sessions/${session}${objects}`;
    const found = await this.#call(`${name === undefined ? path : `${path}/${name}`}${place}`);
    if (!found.ok) return undefined;
    if (name !== undefined) return new Uint8Array(await found.arrayBuffer());
    if (objects === '') {
      const entry = sessionEntryOf(StoredSession.parse(await found.json()), edge);
      return entry && { session: entry, segments: [] };
    }
    const stored = await this.#call(`/sessions/${session}${place}`);
    const catalogue = stored.ok
      ? catalogueWordOf(StoredSession.parse(await stored.json()), edge)
      : { listed: false, contradicted: [] };
    return { ...ObjectList.parse(await found.json()), catalogue };
  }
}

const rowsByKey = (rows: readonly Record<string, unknown>[]): Map<string, Record<string, unknown>> =>
  new Map(rows.map((row) => [`${String(row.pk)} ${String(row.sk)}`, row]));
