// One trial of a store: objects under a prefix of their own, and what the store answers about them. A refusal is an answer here;
// that it does not answer is not.

import { createHash, randomUUID } from 'node:crypto';
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type ObjectVersion,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { err, ok, type Result } from '../../../core/result.ts';

/** Nothing else of Gatehouse begins so, and whoever reads an archive passes over it. */
export const PROBE_PREFIX = 'probe/';
/** Old enough that nobody works with them: a trial takes seconds. */
const LEFT_MS = 10 * 60_000;
/** Of what earlier trials left, in one go. */
const MAX_LEFT = 1_000;

/** What it said no with: the status, and S3's name for why. */
export interface StoreRefusal {
  readonly status: number;
  readonly name: string;
}

/** No connection, a deadline, or a store that says it cannot now. */
export class StoreAway extends Error {}

interface ProbeVersion {
  readonly key: string;
  readonly version: string;
  readonly marker: boolean;
  readonly storedMs: number;
}

export type LockMode = 'COMPLIANCE' | 'GOVERNANCE';

export class Probe {
  readonly client: S3Client;
  readonly bucket: string;
  readonly #folder = `${PROBE_PREFIX}${randomUUID()}/`;
  readonly #signal: AbortSignal;

  /** `signal` ends every request. */
  constructor(client: S3Client, bucket: string, signal: AbortSignal) {
    this.client = client;
    this.bucket = bucket;
    this.#signal = signal;
  }

  /** Of an object of this trial. */
  key(name: string): string {
    return this.#folder + name;
  }

  /** Throws StoreAway. */
  async ask<T>(work: (options: { readonly abortSignal: AbortSignal }) => Promise<T>): Promise<Result<T, StoreRefusal>> {
    try {
      return ok(await work({ abortSignal: this.#signal }));
    } catch (error) {
      const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
      const { name, code } = error as NodeJS.ErrnoException;
      // 501: it knows no such request, which does not pass. 503 and the like do.
      if (status !== undefined && (status < 500 || status === 501) && status !== 429 && status !== 408)
        return err({ status, name });
      throw new StoreAway(status === undefined ? (code ?? name) : `${status} ${name}`);
    }
  }

  put(name: string, text: string, more: Partial<PutObjectCommandInput> = {}) {
    const sent = {
      // Ceph heeds the SHA-256 only where the algorithm is named too.
      ChecksumAlgorithm: 'SHA256' as const,
      ...{ ChecksumSHA256: digest('sha256', text), ContentMD5: digest('md5', text) },
      ...more,
    };
    const put = { Bucket: this.bucket, Key: this.key(name), Body: text, ContentLength: text.length, ...sent };
    return this.ask((options) => this.client.send(new PutObjectCommand(put), options));
  }

  /** undefined: there is none. */
  async head(name: string, version?: string) {
    const at = { ...this.#at(name, version), ChecksumMode: 'ENABLED' } as const;
    const found = await this.ask((options) => this.client.send(new HeadObjectCommand(at), options));
    return found.ok ? found.value : undefined;
  }

  remove(name: string, version: string | undefined, bypass = false) {
    const at = { ...this.#at(name, version), ...(bypass && { BypassGovernanceRetention: true }) };
    return this.ask((options) => this.client.send(new DeleteObjectCommand(at), options));
  }

  retain(name: string, version: string, mode: LockMode, until: Date) {
    const wanted = { ...this.#at(name, version), Retention: { Mode: mode, RetainUntilDate: until } };
    return this.ask((options) => this.client.send(new PutObjectRetentionCommand(wanted), options));
  }

  hold(name: string, version: string, on: boolean) {
    const wanted = { ...this.#at(name, version), LegalHold: { Status: on ? 'ON' : 'OFF' } } as const;
    return this.ask((options) => this.client.send(new PutObjectLegalHoldCommand(wanted), options));
  }

  /** Of this trial's object; the newest first, as S3 lists them. */
  versions(name: string): Promise<Result<readonly ProbeVersion[], StoreRefusal>> {
    return this.#list(this.key(name));
  }

  /** What this trial made, as far as the locks let it go. */
  async clear(): Promise<void> {
    const made = await this.#list(this.#folder);
    if (made.ok) await this.#removeAll(made.value);
  }

  /** What earlier trials left, whose locks are over now. */
  async clearEarlier(nowMs: number): Promise<void> {
    const left = await this.#list(PROBE_PREFIX);
    if (left.ok) await this.#removeAll(left.value.filter(({ storedMs }) => nowMs - storedMs > LEFT_MS));
  }

  async #list(Prefix: string): Promise<Result<readonly ProbeVersion[], StoreRefusal>> {
    const wanted = { Bucket: this.bucket, Prefix, MaxKeys: MAX_LEFT };
    const listed = await this.ask((options) => this.client.send(new ListObjectVersionsCommand(wanted), options));
    if (!listed.ok) return listed;
    const { Versions = [], DeleteMarkers = [] } = listed.value;
    const row = (marker: boolean) => (each: Pick<ObjectVersion, 'Key' | 'VersionId' | 'LastModified'>) => ({
      key: each.Key ?? '',
      version: each.VersionId ?? 'null',
      marker,
      storedMs: each.LastModified?.getTime() ?? Date.now(),
    });
    const found = [...Versions.map(row(false)), ...DeleteMarkers.map(row(true))];
    // A store that forgets the prefix must not make us delete what is not ours.
    return ok(found.filter(({ key }) => key.startsWith(Prefix)));
  }

  async #removeAll(versions: readonly ProbeVersion[]): Promise<void> {
    for (const { key, version } of versions) {
      const at = { Bucket: this.bucket, Key: key, VersionId: version };
      // In compliance mode it stays for its minute, and the next trial takes it.
      const remove = new DeleteObjectCommand({ ...at, BypassGovernanceRetention: true });
      const removed = await this.ask((options) => this.client.send(remove, options));
      if (removed.ok || !key.endsWith('/held')) continue;
      const off = new PutObjectLegalHoldCommand({ ...at, LegalHold: { Status: 'OFF' } });
      await this.ask((options) => this.client.send(off, options));
      await this.ask((options) => this.client.send(remove, options));
    }
  }

  #at(name: string, version: string | undefined) {
    return { Bucket: this.bucket, Key: this.key(name), ...(version !== undefined && { VersionId: version }) };
  }
}

export const digest = (algorithm: 'md5' | 'sha256', text: string): string =>
  createHash(algorithm).update(text).digest('base64');
