// An S3 server as others run one: Debian's Ceph 16 behind an HTTP server that adds what Ceph has had since (conditional puts in
// buckets with versions, SHA-256 checksums), and that can break one promise at a time.
//
// Requests go through as they were signed. Where a break needs another request than the client's, it is made with keys of its own.

import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { RunServers } from './run-server.ts';

export type Break =
  | 'takes a second put'
  | 'checks conditions before it waits'
  | 'compares no SHA-256'
  | 'compares no MD5'
  | 'forgets checksums'
  | 'deletes what is locked'
  | 'deletes what is locked and says that it does not'
  | 'says that it deleted what is locked'
  | 'says that it deleted'
  | 'forgets retention'
  | 'shortens retention'
  | 'forgets legal holds'
  | 'deletes what is held'
  | 'shows no delete markers'
  | 'deletes without a marker'
  | 'has a clock five minutes behind'
  | 'has a clock five minutes ahead'
  | 'knows no holds'
  | 'lets nobody delete versions'
  | 'lets nobody retain'
  | 'hangs'
  | 'is away';

export interface S3Front {
  readonly endpoint: string;
  /** undefined: it keeps every promise. */
  broken: Break | undefined;
  /** Method and path with query of every request, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

interface Incoming {
  readonly method: string;
  readonly url: URL;
  readonly bucket: string;
  readonly key: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function startS3Front(ceph: RunServers['ceph']): Promise<S3Front> {
  const own = new S3Client({
    ...{ endpoint: ceph.endpoint, region: ceph.region, credentials: ceph.credentials, forcePathStyle: true },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  const checksums = new Map<string, string>();
  const turns = new Map<string, Promise<unknown>>();
  const asked: string[] = [];
  const server = createServer((incoming, response) => {
    void answer(incoming, response).catch(() => response.destroy());
  });

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', ceph.endpoint);
    const [, bucket = '', ...key] = url.pathname.split('/').map(decodeURIComponent);
    const { method = 'GET', headers } = incoming;
    asked.push(`${method} ${url.pathname}${url.search}`);
    const it: Incoming = { method, url, bucket, key: key.join('/'), headers, body: await buffer(incoming) };
    if (front.broken === 'hangs') return;
    if (front.broken === 'is away') return void response.destroy();
    const { status, headers: answered, body } = await inTurn(it);
    const minutes = { 'has a clock five minutes behind': -5, 'has a clock five minutes ahead': 5 }[
      front.broken as string
    ];
    const late = minutes !== undefined && { date: new Date(Date.now() + minutes * 60_000).toUTCString() };
    response.writeHead(status, { ...answered, ...late }).end(body);
  }

  /** Puts of one key wait for each other, which makes their conditions atomic. */
  function inTurn(it: Incoming): Promise<Answered> {
    if (!isPut(it) || front.broken === 'checks conditions before it waits') return handle(it);
    const turn = (turns.get(it.key) ?? Promise.resolve()).then(() => handle(it));
    turns.set(
      it.key,
      turn.catch(() => undefined),
    );
    return turn;
  }

  async function handle(it: Incoming): Promise<Answered> {
    const { searchParams } = it.url;
    const version = searchParams.get('versionId') ?? undefined;
    const at = { Bucket: it.bucket, Key: it.key, ...(version !== undefined && { VersionId: version }) };
    if (isPut(it)) return put(it);
    if (it.method === 'DELETE') return remove(it, at);
    if (it.method === 'PUT' && searchParams.has('retention')) {
      if (front.broken === 'lets nobody retain') return refused(403, 'AccessDenied');
      if (front.broken !== 'shortens retention') return forward(it);
      const [, until = ''] = /<RetainUntilDate>([^<]+)</.exec(it.body.toString()) ?? [];
      const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(until) } as const;
      await own.send(new PutObjectRetentionCommand({ ...at, Retention, BypassGovernanceRetention: true }));
      return done(200);
    }
    if (front.broken === 'knows no holds' && searchParams.has('legal-hold')) return refused(501, 'NotImplemented');
    if (it.method === 'PUT' && searchParams.has('legal-hold') && front.broken === 'forgets legal holds')
      return done(200);
    const answered = await forward(it);
    if (front.broken === 'shows no delete markers' && searchParams.has('versions')) {
      const body = Buffer.from(answered.body.toString().replace(/<DeleteMarker>.*?<\/DeleteMarker>/gs, ''));
      return { ...answered, headers: { ...answered.headers, 'content-length': String(body.length) }, body };
    }
    return withChecksum(it, answered);
  }

  async function put(it: Incoming): Promise<Answered> {
    const { headers, body } = it;
    if (headers['if-none-match'] === '*' && front.broken !== 'takes a second put') {
      const there = await own.send(new HeadObjectCommand({ Bucket: it.bucket, Key: it.key })).catch(() => undefined);
      if (there) return refused(412, 'PreconditionFailed');
    }
    const sha256 = headers['x-amz-checksum-sha256'];
    const actual = createHash('sha256').update(body).digest('base64');
    if (sha256 !== undefined && sha256 !== actual && front.broken !== 'compares no SHA-256')
      return refused(400, 'BadDigest');
    const asItIs = front.broken !== 'compares no MD5' && front.broken !== 'forgets retention';
    const answered = asItIs ? await forward(it) : await putAnew(it);
    const version = answered.headers['x-amz-version-id'];
    if (typeof sha256 !== 'string' || typeof version !== 'string') return answered;
    checksums.set(version, sha256);
    return withChecksum({ ...it, headers: { ...headers, 'x-amz-checksum-mode': 'ENABLED' } }, answered);
  }

  /** What the client said of it is forgotten: its MD5, its lock. */
  async function putAnew({ bucket, key, body, headers }: Incoming): Promise<Answered> {
    const until = headers['x-amz-object-lock-retain-until-date'];
    const lock = typeof until === 'string' &&
      front.broken !== 'forgets retention' && {
        ObjectLockMode: headers['x-amz-object-lock-mode'] as 'GOVERNANCE',
        ObjectLockRetainUntilDate: new Date(until),
        ContentMD5: createHash('md5').update(body).digest('base64'),
      };
    const { VersionId } = await own.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...lock }));
    return { ...done(200), headers: { ...done(200).headers, 'x-amz-version-id': VersionId } };
  }

  async function remove(it: Incoming, at: { Bucket: string; Key: string; VersionId?: string }): Promise<Answered> {
    if (at.VersionId === undefined) {
      if (front.broken !== 'deletes without a marker') return forward(it);
      const { VersionId } = await own.send(new HeadObjectCommand(at));
      await own.send(new DeleteObjectCommand({ ...at, VersionId }));
      return done(204);
    }
    switch (front.broken) {
      case 'lets nobody delete versions':
        return refused(403, 'AccessDenied');
      case 'says that it deleted':
        return done(204);
      case 'deletes what is locked':
      case 'deletes what is locked and says that it does not': {
        const { ObjectLockMode } = await own.send(new HeadObjectCommand(at));
        if (ObjectLockMode === undefined) return forward(it);
        await own.send(new DeleteObjectCommand({ ...at, BypassGovernanceRetention: true }));
        return front.broken === 'deletes what is locked' ? done(204) : refused(403, 'AccessDenied');
      }
      case 'deletes what is held': {
        const { ObjectLockLegalHoldStatus } = await own.send(new HeadObjectCommand(at));
        const LegalHold = { Status: 'OFF' } as const;
        if (ObjectLockLegalHoldStatus === 'ON') await own.send(new PutObjectLegalHoldCommand({ ...at, LegalHold }));
        return forward(it);
      }
      case 'says that it deleted what is locked': {
        const answered = await forward(it);
        return answered.status === 403 ? done(204) : answered;
      }
      default:
        return forward(it);
    }
  }

  function withChecksum({ headers }: Incoming, answered: Answered): Answered {
    const version = answered.headers['x-amz-version-id'];
    const sha256 = typeof version === 'string' ? checksums.get(version) : undefined;
    if (sha256 === undefined || headers['x-amz-checksum-mode'] === undefined || front.broken === 'forgets checksums')
      return answered;
    const more = { 'x-amz-checksum-sha256': sha256, 'x-amz-checksum-type': 'FULL_OBJECT' };
    return answered.status >= 300 ? answered : { ...answered, headers: { ...answered.headers, ...more } };
  }

  function forward({ method, url, headers, body }: Incoming): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const sent = request(new URL(url.pathname + url.search, ceph.endpoint), { method, headers }, (got) => {
        buffer(got).then((all) => {
          const { 'transfer-encoding': _, ...rest } = got.headers;
          resolve({ status: got.statusCode ?? 500, headers: rest, body: all });
        }, reject);
      });
      sent.on('error', reject).end(body);
    });
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const front: S3Front = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    broken: undefined,
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      own.destroy();
    },
  };
  return front;
}

const isPut = ({ method, url, key }: Incoming): boolean =>
  method === 'PUT' && key !== '' && !/[?&](retention|legal-hold)/.test(url.search);

const done = (status: number): Answered => ({
  status,
  headers: { date: new Date().toUTCString() },
  body: Buffer.alloc(0),
});

const refused = (status: number, code: string): Answered => ({
  status,
  headers: { 'content-type': 'application/xml', date: new Date().toUTCString() },
  body: Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`),
});
