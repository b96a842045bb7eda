// Where one machine keeps its archive: a directory, or a bucket of its own in an S3 store, which is tried before anything is kept.

import { randomUUID } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { STORE_IDENTITY_FILE, StoreIdentity } from '../../core/recording/store-identity.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { RetriableFault } from '../faults.ts';
import { directorySearchStore } from '../search/store/directory-search-store.ts';
import { s3SearchStore } from '../search/store/s3-search-store.ts';
import { type SearchStore, segmentKeyOf } from '../search/store/search-store.ts';
import { type AuditStore, LOG_OBJECTS } from '../store/audit-store.ts';
import { directoryAuditStore } from '../store/directory-audit-store.ts';
import { directoryReader } from '../store/directory-reader.ts';
import { directoryVersionStore } from '../store/directory-version-store.ts';
import { PROBE_PREFIX } from '../store/proof/probe.ts';
import { proveStore, type StoreProof } from '../store/proof/prove-store.ts';
import type { RecordingReader } from '../store/recording-reader.ts';
import { s3AuditStore } from '../store/s3-audit-store.ts';
import { type S3Place, s3ClientOf } from '../store/s3-client.ts';
import { s3Reader } from '../store/s3-reader.ts';
import { s3VersionStore } from '../store/s3-version-store.ts';
import type { HoldingStore, VersionStore } from '../store/version-store.ts';

interface LocalArchive {
  readonly reader: RecordingReader;
  readonly versions: VersionStore & HoldingStore;
  readonly audit: AuditStore;
  readonly log: AuditStore;
  readonly search: SearchStore;
  /** undefined: there is no lock. */
  readonly maxRetainDays: number | undefined;
  close(): void;
}

export interface BucketArchive {
  readonly place: S3Place;
  readonly lock: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number };
  /** Whose archive it is: a bucket that says another, or holds anything without saying one, is not taken. Default: a new one. */
  readonly store?: string;
  /** For the trial, until the store answers included. */
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 30_000;

export const directoryArchive = (objects: string, search = `${objects}-search`): LocalArchive => ({
  reader: directoryReader(objects),
  versions: directoryVersionStore(objects),
  audit: directoryAuditStore(objects),
  log: directoryAuditStore(objects, LOG_OBJECTS),
  search: directorySearchStore(search),
  maxRetainDays: undefined,
  close() {},
});

/** Or in one line why it is none, without a key or a secret. */
export async function openBucket(
  { place, lock, store = randomUUID(), deadlineMs = DEADLINE_MS }: BucketArchive,
  now: () => number,
): Promise<Result<{ readonly archive: LocalArchive; readonly proof: StoreProof }, string>> {
  const client = s3ClientOf(place);
  const { bucket } = place;
  const where = `the bucket ${bucket} at ${place.endpoint ?? place.region}`;
  const refused = (why: string) => {
    client.destroy();
    return err(`${where} cannot be the archive: ${why}`);
  };
  const proven = await proveStore(client, bucket, { mode: lock.mode, now, deadlineMs });
  if (!proven.ok) return refused(proven.error.map(({ message }) => message).join('. Also: '));
  const foreign = await claim(client, bucket, store);
  if (foreign !== undefined) return refused(foreign);
  const archive: LocalArchive = {
    reader: s3Reader(client, bucket),
    versions: s3VersionStore(client, bucket),
    audit: s3AuditStore(client, bucket, lock, now),
    log: s3AuditStore(client, bucket, lock, now, LOG_OBJECTS),
    search: versionedSearchStore(client, bucket),
    maxRetainDays: lock.days,
    close: () => client.destroy(),
  };
  return ok({ archive, proof: proven.value });
}

/** Two Gatehouses in one bucket would take each other's pieces of the audit log for forgeries. undefined: it is ours. */
async function claim(client: S3Client, bucket: string, store: string): Promise<string | undefined> {
  const wayOut = 'name an empty bucket, or start with the data folder that it belongs to';
  try {
    const found = await identityIn(client, bucket);
    if (found === undefined) {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1_000 }));
      const other = Contents.find(({ Key = '' }) => !Key.startsWith(PROBE_PREFIX));
      if (other) return `it holds other objects (${other.Key}): ${wayOut}`;
      await name(client, bucket, store);
    }
    const identity = StoreIdentity.safeParse(found ?? (await identityIn(client, bucket))).data;
    if (identity?.store === store) return undefined;
    return `it is the archive of another Gatehouse (${identity?.store ?? 'whose name is damaged'}): ${wayOut}`;
  } catch (error) {
    return `it broke off while it was asked whose archive it is (${(error as Error).name}): try again`;
  }
}

async function identityIn(client: S3Client, bucket: string): Promise<unknown> {
  const get = new GetObjectCommand({ Bucket: bucket, Key: STORE_IDENTITY_FILE });
  const text = await client.send(get).then(
    ({ Body }) => Body?.transformToString(),
    (error: Error) => (error.name === 'NoSuchKey' ? undefined : Promise.reject(error)),
  );
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return 'damaged';
  }
}

/** Of several who try, one does. */
async function name(client: S3Client, bucket: string, store: string): Promise<void> {
  const Body = JSON.stringify({ format: 1, store } satisfies StoreIdentity);
  const at = { Bucket: bucket, Key: STORE_IDENTITY_FILE };
  const put = new PutObjectCommand({ ...at, Body, ContentType: 'application/json', IfNoneMatch: '*' });
  await client.send(put).catch((error: Error) => {
    if (error.name !== 'PreconditionFailed') throw error;
  });
}

/** A bucket with versions keeps what is deleted: of what is purged nothing may stay. */
function versionedSearchStore(client: S3Client, bucket: string): SearchStore {
  const store = s3SearchStore(client, bucket);
  return {
    ...store,
    async delete(place) {
      const key = segmentKeyOf(place);
      try {
        const listed = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }));
        for (const { VersionId } of [...(listed.Versions ?? []), ...(listed.DeleteMarkers ?? [])])
          await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId }));
      } catch (cause) {
        const name = cause instanceof Error ? cause.name : 'unknown';
        throw new RetriableFault(`the store of the search index does not answer: ${name}`, { cause });
      }
    },
  };
}
