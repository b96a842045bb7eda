// Whether the bucket can keep what it is given: asked before the first object, and again after an
// answer that does not fit. Reads the bucket's settings and no object; a role that may not even do
// that (403) is the usual one, and then each put's own answer has to say that it made a version.

import { GetObjectLockConfigurationCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { type ObjectStoreSettings, S3StoreSettings, type StoreFault } from './object-store.ts';

const UNKNOWN_KEYS: ReadonlySet<string> = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
]);

export function storeClient({ region, endpoint, credentials, timeoutMs }: S3StoreSettings): S3Client {
  return new S3Client({
    region,
    ...(endpoint && { endpoint, forcePathStyle: true }),
    ...(credentials && {
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey,
        ...(credentials.sessionToken && { sessionToken: credentials.sessionToken }),
      },
    }),
    // Tries are the uploader's, which reports them. What is sent is ours to say: no CRC beside the SHA-256.
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5_000, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
  });
}

/** Of the settings of a start or of --check: whether the store can be what they say. */
export async function bucketFault(settings: ObjectStoreSettings): Promise<StoreFault | undefined> {
  if (settings.kind !== 's3') return undefined;
  const parsed = S3StoreSettings.parse({ ...settings, timeoutMs: START_TIMEOUT_MS });
  const client = storeClient(parsed);
  try {
    return await new S3BucketProof(client, parsed).prove();
  } finally {
    client.destroy();
  }
}

/** A start waits for it. */
const START_TIMEOUT_MS = 5_000;

export class S3BucketProof {
  readonly #client: S3Client;
  readonly #settings: S3StoreSettings;
  #proving: Promise<StoreFault | undefined> | undefined;

  constructor(client: S3Client, settings: S3StoreSettings) {
    this.#client = client;
    this.#settings = settings;
  }

  /** undefined: nothing speaks against it. */
  async prove(): Promise<StoreFault | undefined> {
    if (this.#settings.lock === 'none') return undefined;
    this.#proving ??= this.#ask();
    const fault = await this.#proving;
    if (fault) this.doubt();
    return fault;
  }

  /** The next put asks again. */
  doubt(): void {
    this.#proving = undefined;
  }

  async #ask(): Promise<StoreFault | undefined> {
    const { bucket, owner, timeoutMs } = this.#settings;
    try {
      const command = new GetObjectLockConfigurationCommand({ Bucket: bucket, ExpectedBucketOwner: owner });
      const answer = await this.#client.send(command, { abortSignal: AbortSignal.timeout(timeoutMs) });
      return answer.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled' ? undefined : this.#noLock();
    } catch (error) {
      if (!(error instanceof S3ServiceException)) {
        const why = error instanceof Error ? error.name : 'error';
        return { reason: 'store_unreachable', message: `${bucket}: ${why} when it was asked for its Object Lock` };
      }
      return error.name === 'ObjectLockConfigurationNotFoundError' ? this.#noLock() : this.#notLetIn(error.name);
    }
  }

  /** A role that may not ask is the usual one; a bucket or keys that are not there are what a person has to know. */
  #notLetIn(name: string): StoreFault | undefined {
    const { bucket, endpoint, region } = this.#settings;
    if (name === 'NoSuchBucket')
      return { reason: 'store_refused', message: `there is no bucket ${bucket} at ${endpoint ?? region}` };
    if (!UNKNOWN_KEYS.has(name)) return undefined;
    return { reason: 'store_refused', message: `${endpoint ?? region} does not take the connector's keys (${name})` };
  }

  #noLock(): StoreFault {
    const message = `${this.#settings.bucket} has no Object Lock, so whoever owns it could delete recordings: enable it there, or set store.s3.lock: none`;
    return { reason: 'store_refused', message };
  }
}
