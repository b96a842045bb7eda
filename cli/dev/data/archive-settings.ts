// Where `npm start` keeps the archive, from its environment: a directory of the data folder, or a bucket.

import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure, usage } from '../../failure.ts';
import { ARCHIVE_FILE, type DataDir } from './data-dir.ts';
import { writePrivateFile } from './private-file.ts';

export type ArchiveSettings =
  | { readonly kind: 'directory' }
  | {
      readonly kind: 's3';
      readonly place: {
        readonly bucket: string;
        readonly region: string;
        /** undefined: AWS. */
        readonly endpoint: string | undefined;
      };
      readonly keys: {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken: string | undefined;
      };
      readonly lock: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number };
    };
type BucketSettings = Extract<ArchiveSettings, { kind: 's3' }>;

/** As `maxRetentionDays` of a deployment. */
const DEFAULT_LOCK_DAYS = 3650;
/** What stores elsewhere take for theirs; AWS's buckets have one, which has to be named. */
const DEFAULT_REGION = 'us-east-1';

type Variables = Readonly<Record<string, string | undefined>>;

/** Throws a usage Failure that names the variable; never a value that is secret. */
export function archiveSettings(env: Variables): ArchiveSettings {
  const { ARCHIVE: kind = '' } = env;
  if (kind === '' || kind === 'directory') return { kind: 'directory' };
  if (kind !== 's3') throw usage(`ARCHIVE=${kind}: expected s3 or directory`);
  const endpoint = endpointOf(env);
  return {
    kind: 's3',
    place: {
      bucket: bucketOf(env),
      region: given(env, 'AWS_REGION') ?? given(env, 'AWS_DEFAULT_REGION') ?? regionOf(endpoint),
      endpoint,
    },
    keys: {
      accessKeyId: needed(env, 'AWS_ACCESS_KEY_ID'),
      secretAccessKey: needed(env, 'AWS_SECRET_ACCESS_KEY'),
      sessionToken: given(env, 'AWS_SESSION_TOKEN'),
    },
    lock: lockOf(env),
  };
}

function endpointOf(env: Variables): string | undefined {
  const endpoint = given(env, 'S3_ENDPOINT');
  if (endpoint === undefined) return undefined;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw usage('S3_ENDPOINT: expected an address such as https://s3.example.com, without the bucket');
  if (url.username !== '' || url.password !== '')
    throw usage('S3_ENDPOINT: keys go into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  return url.origin;
}

function bucketOf(env: Variables): string {
  const bucket = needed(env, 'S3_BUCKET');
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw usage(`S3_BUCKET=${bucket}: expected the name of a bucket: lower-case letters, digits, dots and dashes`);
  return bucket;
}

function regionOf(endpoint: string | undefined): string {
  if (endpoint !== undefined) return DEFAULT_REGION;
  throw usage('AWS_REGION is not set: the region of the bucket (or S3_ENDPOINT, for a store that is not AWS)');
}

function lockOf(env: Variables): BucketSettings['lock'] {
  const mode = given(env, 'S3_LOCK') ?? 'GOVERNANCE';
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') throw usage(`S3_LOCK=${mode}: expected GOVERNANCE or COMPLIANCE`);
  const days = given(env, 'S3_LOCK_DAYS') ?? String(DEFAULT_LOCK_DAYS);
  if (!/^\d{1,5}$/.test(days) || Number(days) < 1 || Number(days) > 36_500)
    throw usage(`S3_LOCK_DAYS=${days}: expected days, 1 to 36500`);
  return { mode, days: Number(days) };
}

/** An empty variable is none. */
const given = (env: Variables, name: string): string | undefined => env[name] || undefined;

function needed(env: Variables, name: string): string {
  const value = given(env, name);
  if (value === undefined) throw usage(`ARCHIVE=s3: ${name} is not set`);
  return value;
}

const Kept = z.object({
  bucket: z.string(),
  endpoint: z.string().optional(),
  /** The name that the bucket bears. */
  store: z.uuid(),
  /** The bucket was taken once. Until then another may be named. */
  inUse: z.boolean(),
});

/**
 * A data folder belongs to one archive: its catalogue, its audit log and its connector know what is there. Returns the name that
 * the bucket bears, or will; undefined: the archive is the directory.
 */
export async function settleArchive(
  dir: Pick<DataDir, 'path' | 'isNew'>,
  shown: string,
  archive: ArchiveSettings,
): Promise<string | undefined> {
  const path = join(dir.path, ARCHIVE_FILE);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const kept = text === undefined ? undefined : Kept.safeParse(parsed(text)).data;
  const wayOut = 'or use --fresh, or another --data DIR';
  const refuse = (message: string) => new Failure(1, 'data_dir', `${message}, ${wayOut}`);
  if (text !== undefined && !kept) throw refuse(`${path} is damaged: restore it`);
  if (archive.kind === 'directory') {
    if (!kept?.inUse) return void (await rm(path, { force: true }));
    const where = kept.endpoint === undefined ? '' : ` S3_ENDPOINT=${kept.endpoint}`;
    throw refuse(`${shown} was made with ARCHIVE=s3${where} S3_BUCKET=${kept.bucket}: set them again`);
  }
  const { bucket, endpoint } = archive.place;
  if (kept?.inUse && kept.bucket !== bucket) throw refuse(`${shown} was made with S3_BUCKET=${kept.bucket}: name that`);
  if (!kept && !dir.isNew) throw refuse(`${shown} has its archive in a directory: leave ARCHIVE out`);
  const { store = randomUUID(), inUse = false } = kept ?? {};
  await writePrivateFile(path, line({ bucket, endpoint, store, inUse }));
  return store;
}

/** The bucket is this folder's from now on. */
export async function keepArchive(dir: Pick<DataDir, 'path'>): Promise<void> {
  const path = join(dir.path, ARCHIVE_FILE);
  const kept = Kept.parse(JSON.parse(await readFile(path, 'utf8')));
  if (!kept.inUse) await writePrivateFile(path, line({ ...kept, inUse: true }));
}

const line = (kept: z.infer<typeof Kept>): string => `${JSON.stringify(kept)}\n`;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: as good as not of this shape.
    return undefined;
  }
}
