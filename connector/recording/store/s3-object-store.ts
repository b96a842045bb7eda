// Objects in S3, or in what speaks S3. One request for each object: a conditional put under Object
// Lock that carries the SHA-256 of the bytes. The connector's role allows nothing but PutObject and
// PutObjectRetention below its own prefix (law 5). What is confirmed stands in a bucket of the account
// that was expected, and under Object Lock in a version of its own: an answer without one is none.

import { createHash } from 'node:crypto';
import { PutObjectCommand, type PutObjectCommandOutput, type S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { S3BucketProof, storeClient } from './s3-bucket-proof.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import type { ObjectStore, Putting, S3StoreSettings, Stored, StoreFault } from './object-store.ts';

export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #settings: S3StoreSettings;
  readonly #bucket: S3BucketProof;
  readonly #closing = new AbortController();

  constructor(settings: S3StoreSettings) {
    this.#settings = settings;
    this.#client = storeClient(settings);
    this.#bucket = new S3BucketProof(this.#client, settings);
  }

  async put(key: string, bytes: Uint8Array, putting: Putting): Promise<Result<Stored, StoreFault>> {
    const { bucket, owner, lock, timeoutMs } = this.#settings;
    const unfit = await this.#bucket.prove();
    if (unfit) return err(unfit);
    try {
      const command = new PutObjectCommand({
        Bucket: bucket,
        ExpectedBucketOwner: owner,
        Key: key,
        Body: bytes,
        ContentLength: bytes.length,
        IfNoneMatch: '*',
        // Ceph heeds the SHA-256 only where the algorithm is named too.
        ChecksumAlgorithm: 'SHA256',
        ChecksumSHA256: Buffer.from(putting.sha256).toString('base64'),
        // Asked for by every put with Object Lock parameters; also an answer of stores without SHA-256.
        ContentMD5: md5(bytes).toString('base64'),
        ContentType: key.endsWith('.json') ? 'application/json' : 'application/octet-stream',
        ...(lock !== 'none' && { ObjectLockMode: lock, ObjectLockRetainUntilDate: putting.retainUntil }),
      });
      signWithDigest(command, putting.sha256);
      const answer = await this.#client.send(command, {
        abortSignal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)]),
      });
      const confirmed = this.#confirm(key, bytes, putting, answer);
      if (!confirmed.ok) this.#bucket.doubt();
      return confirmed;
    } catch (error) {
      const fault = this.#explain(error);
      if (!fault.ok && fault.error.reason === 'store_refused') this.#bucket.doubt();
      return fault;
    }
  }

  /** S3 itself tells of its objects, or AnnouncingObjectStore does. */
  readonly announced = true;

  /** Cuts short what is under way: it is sent again by the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#client.destroy();
  }

  #confirm(
    key: string,
    bytes: Uint8Array,
    { sha256 }: Putting,
    answer: PutObjectCommandOutput,
  ): Result<Stored, StoreFault> {
    const [wanted, answered] =
      this.#settings.confirmation === 'sha256'
        ? [Buffer.from(sha256).toString('base64'), answer.ChecksumSHA256]
        : [md5(bytes).toString('hex'), answer.ETag?.replaceAll('"', '')];
    if (answered === undefined || answered === '')
      return err({ reason: 'checksum_missing', message: `the store answered without a checksum for ${key}` });
    if (answered !== wanted)
      return err({ reason: 'checksum_differs', message: `the store answered with another checksum for ${key}` });
    const { bucket, lock } = this.#settings;
    if (lock !== 'none' && (answer.VersionId === undefined || answer.VersionId === 'null'))
      return err({
        reason: 'store_refused',
        message: `${bucket} made no version of ${key}, so it is not locked: enable versioning and Object Lock there, or set store.s3.lock: none`,
      });
    return ok({ stored: 'created' });
  }

  #explain(error: unknown): Result<Stored, StoreFault> {
    const { bucket, endpoint, region } = this.#settings;
    const where = `${bucket} at ${endpoint ?? region}`;
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    if (status === 412) return ok({ stored: 'existed' });
    const name = error instanceof Error ? error.name : 'error';
    // 409: another put of this key is under way; 429 and 5xx: later.
    if (status !== undefined && status >= 400 && status < 500 && status !== 409 && status !== 429 && status !== 408)
      return err({ reason: 'store_refused', message: `${where} answered ${status} ${name}` });
    const code = (error as NodeJS.ErrnoException).code ?? name;
    return err({ reason: 'store_unreachable', message: `${where}: ${status ?? ''} ${code}` });
  }
}

const md5 = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest();

/**
 * The signature covers our digest of the body, where the SDK would take one of its own: so a store
 * that knows nothing of checksums refuses bytes that changed since they were made (Signature
 * Version 4, x-amz-content-sha256).
 */
function signWithDigest(command: PutObjectCommand, sha256: Uint8Array): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { headers: Record<string, string> };
      request.headers['x-amz-content-sha256'] = Buffer.from(sha256).toString('hex');
      return next(args);
    },
    { step: 'build', name: 'signWithDigest' },
  );
}
