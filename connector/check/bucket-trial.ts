// What the connector's keys may do in its bucket: create, and neither read, nor overwrite, nor delete (law 5). Asked for by
// `--check` alone, and nothing is made (docs/adr/0072): what is put comes with the digest of other bytes, so a store that
// would take the put refuses the bytes. A store refuses who may not first, and looks at what came with it after.

import { createHash, randomUUID } from 'node:crypto';
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { type ObjectStoreSettings, S3StoreSettings } from '../recording/store/object-store.ts';
import { storeClient } from '../recording/store/s3-bucket-proof.ts';

interface BucketTrial {
  /** A sentence for each thing that has to change. */
  readonly faults: readonly string[];
  /** What it found, for the table. */
  readonly found: string;
}

const TIMEOUT_MS = 5_000;
const RETAIN_MS = 24 * 60 * 60 * 1000;
const BODY = 'gatehouse connector --check: never stored';
const OTHER_DIGEST = createHash('md5').update('other bytes').digest('base64');

/** 403 to whoever it is not sure of: no answer to what they may. */
const NO_ANSWER: ReadonlySet<string> = new Set([
  ...['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'ExpiredToken', 'RequestTimeTooSkewed'],
  'NotSignedUp',
]);

type Answer = 'done' | 'forbidden' | 'bad digest' | 'not found' | { readonly said: string };

/** undefined: not a bucket. `connector`: its id, below which its role may create; undefined before it has joined. Never throws. */
export async function tryBucket(
  settings: ObjectStoreSettings,
  connector: string | undefined,
): Promise<BucketTrial | undefined> {
  if (settings.kind !== 's3') return undefined;
  const parsed = S3StoreSettings.parse({ ...settings, timeoutMs: TIMEOUT_MS });
  const client = storeClient(parsed);
  try {
    return await tried(client, parsed, connector);
  } finally {
    client.destroy();
  }
}

async function tried(client: S3Client, settings: S3StoreSettings, connector: string | undefined): Promise<BucketTrial> {
  const { bucket, owner, lock } = settings;
  const at = { Bucket: bucket, ExpectedBucketOwner: owner };
  // Nobody's name: what is asked for is not there.
  const key = `recordings/${connector ?? 'con_check'}/check-${randomUUID()}`;
  const put = (onlyNew: boolean) =>
    answerOf((abortSignal) =>
      client.send(
        new PutObjectCommand({
          ...{ ...at, Key: key, Body: BODY, ContentMD5: OTHER_DIGEST },
          ...(onlyNew && { IfNoneMatch: '*' }),
          ...(lock !== 'none' && {
            ObjectLockMode: lock,
            ObjectLockRetainUntilDate: new Date(Date.now() + RETAIN_MS),
          }),
        }),
        { abortSignal },
      ),
    );
  // The name that functions give a bucket that is not AWS's; an object that is there is better.
  let there = '.gatehouse-store';
  const [create, overwrite, remove, list] = await Promise.all([
    put(true),
    put(false),
    answerOf(async (abortSignal) => {
      const { DeleteMarker, VersionId } = await client.send(new DeleteObjectCommand({ ...at, Key: key }), {
        abortSignal,
      });
      // It was let: what it left is taken away again.
      if (DeleteMarker) await client.send(new DeleteObjectCommand({ ...at, Key: key, VersionId }), { abortSignal });
    }),
    answerOf(async (abortSignal) => {
      const { Contents } = await client.send(new ListObjectsV2Command({ ...at, MaxKeys: 1 }), { abortSignal });
      there = Contents?.[0]?.Key ?? there;
    }),
  ]);
  // Asking for its size takes the same right as reading it, and is no look at a recording.
  const read = await answerOf((abortSignal) =>
    client.send(new HeadObjectCommand({ ...at, Key: there }), { abortSignal }),
  );

  const faults: string[] = [];
  const unclear = new Set<string>();
  const may: string[] = [];
  const mayNot: string[] = [];
  const judge = (what: string, answer: Answer, allowed: boolean): void => {
    if (typeof answer === 'object') unclear.add(answer.said);
    else (allowed ? may : mayNot).push(what);
  };
  judge('create', create, create !== 'forbidden');
  judge('list', list, list === 'done');
  // Of an object that is not there some say so to whoever asks: no answer to who may read.
  if (read !== 'not found') judge('read', read, read !== 'forbidden');
  judge('overwrite', overwrite, overwrite !== 'forbidden');
  judge('delete', remove, remove !== 'forbidden');
  if (unclear.size > 0) faults.push(`${bucket} could not be tried: it answered ${listed([...unclear])}`);
  if (create === 'done' || overwrite === 'done')
    faults.push(
      `${bucket} took bytes under the digest of others, so nothing that it confirms is sure: use another store`,
    );
  if (create === 'forbidden' && connector !== undefined)
    faults.push(
      `the connector's keys may not create below recordings/${connector}/ in ${bucket}: allow s3:PutObject${lock === 'none' ? '' : ' and s3:PutObjectRetention'} there${lock === 'none' ? '' : `, with a lock of ${lock} for a day at least`}`,
    );
  const tooMuch = may.filter(
    (what) => ['list', 'read', 'delete'].includes(what) || (what === 'overwrite' && lock === 'none'),
  );
  if (tooMuch.length > 0)
    faults.push(
      `the connector's keys may ${listed(tooMuch)} in ${bucket}: whoever has them could look at recordings or spoil them. Give it keys that may create alone (docs/install-connector.md#the-bucket)`,
    );
  const unknown =
    create === 'forbidden' && connector === undefined ? ' (create: only after it has joined, below its id)' : '';
  const found = [may.length > 0 && `may ${listed(may)}`, mayNot.length > 0 && `may not ${listed(mayNot)}${unknown}`];
  return { faults, found: found.filter((it) => it !== false).join('; ') };
}

const listed = (words: readonly string[]): string => words.join(', ');

async function answerOf(ask: (abortSignal: AbortSignal) => Promise<unknown>): Promise<Answer> {
  try {
    await ask(AbortSignal.timeout(TIMEOUT_MS));
    return 'done';
  } catch (error) {
    if (!(error instanceof S3ServiceException)) return { said: error instanceof Error ? error.name : 'an error' };
    const status = error.$metadata.httpStatusCode;
    if (status === 403 && !NO_ANSWER.has(error.name)) return 'forbidden';
    if (status === 404 && error.name !== 'NoSuchBucket') return 'not found';
    if (status === 400 && /BadDigest|InvalidDigest|ChecksumMismatch/.test(error.name)) return 'bad digest';
    return { said: `${status} ${error.name}` };
  }
}
