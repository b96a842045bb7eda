// Whether the bucket can keep what it is given: asked before the first object, and again after an
// answer that does not fit. Reads the bucket's settings and no object; a role that may not even do
// that (403) is the usual one, and then each put's own answer has to say that it made a version.

import { GetObjectLockConfigurationCommand, type S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { S3StoreSettings, StoreFault } from './object-store.ts';

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
      return error.name === 'ObjectLockConfigurationNotFoundError' ? this.#noLock() : undefined;
    }
  }

  #noLock(): StoreFault {
    const message = `${this.#settings.bucket} has no Object Lock, so whoever owns it could delete recordings: enable it there, or set store.s3.lock: none`;
    return { reason: 'store_refused', message };
  }
}
