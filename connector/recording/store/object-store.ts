// Where a recording's objects go. The consumer is the uploader; a store only ever creates (law 5):
// this interface has no read, no overwrite and no delete, and neither has any implementation.

import { z } from 'zod';
import type { Result } from '../../../core/result.ts';

export interface Putting {
  /** Of `bytes`: sent with them, checked by the store, and compared with what the store answers (law 6). */
  readonly sha256: Uint8Array;
  /** The object cannot be deleted before. Stores without a lock keep it in mind only. */
  readonly retainUntil: Date;
}

export interface Stored {
  /**
   * existed: an object of that key was there before; it was left as it is, and its content is not known where the store cannot
   * be asked. differs: it holds other bytes than these.
   */
  readonly stored: 'created' | 'existed' | 'differs';
}

export interface StoreFault {
  readonly reason:
    | 'store_unreachable' // no connection, deadline passed, or the store answered that it cannot now
    | 'store_refused' // credentials, permission, bucket: a person has to act
    | 'checksum_missing' // the store answered without a checksum, so nothing is confirmed
    | 'checksum_differs';
  /** For an operator: host and status, never a credential or content. */
  readonly message: string;
}

export interface ObjectStore {
  /**
   * Creates the object and resolves when the store has confirmed that it holds these bytes. After a
   * fault it is unknown whether the object exists: try again with the same bytes. Never throws.
   */
  put(key: string, bytes: Uint8Array, putting: Putting): Promise<Result<Stored, StoreFault>>;
  /** Nobody is still to be told of what was stored, or cannot be for now: whoever opens the store next does. */
  readonly announced: boolean;
  close(): Promise<void>;
}

/** Told of every new object with an S3-shaped event (POST), again and again until it answers 2xx. */
const StoreEvents = z.strictObject({
  url: z.url(),
  /** Sent as `Authorization: Bearer`. */
  token: z.string().min(1).optional(),
  bucket: z.string().min(1).default('recordings'),
});
export type StoreEvents = z.infer<typeof StoreEvents>;

const DirectoryStoreSettings = z.strictObject({
  kind: z.literal('directory'),
  root: z.string().min(1),
  events: StoreEvents.optional(),
});

export const S3StoreSettings = z.strictObject({
  kind: z.literal('s3'),
  bucket: z.string().min(3).max(255),
  region: z.string().min(1),
  /** Other stores than AWS: their address. Path style is used with it. */
  endpoint: z.url().optional(),
  /** AWS's own chain (task role, environment) when missing. */
  credentials: z
    .strictObject({
      accessKeyId: z.string().min(1),
      secretAccessKey: z.string().min(1),
      sessionToken: z.string().min(1).optional(),
    })
    .optional(),
  lock: z.enum(['COMPLIANCE', 'GOVERNANCE', 'none']).default('COMPLIANCE'),
  /** The account that the bucket must belong to. Undefined: whose name it is. */
  owner: z
    .string()
    .regex(/^\d{12}$/)
    .optional(),
  /**
   * sha256: the store must answer with the object's SHA-256, as AWS does. etag-md5: for stores
   * without S3's additional checksums (Ceph before 19): the SHA-256 is in the signed request, so
   * the store still checks it, and the MD5 in the ETag it answers is compared.
   */
  confirmation: z.enum(['sha256', 'etag-md5']).default('sha256'),
  timeoutMs: z.number().int().min(100).max(600_000).default(30_000),
  /** For stores that notify nobody; AWS does it itself. */
  events: StoreEvents.optional(),
});
export type S3StoreSettings = z.infer<typeof S3StoreSettings>;

/** Plain data, since the store is built inside the worker thread. */
export const ObjectStoreSettings = z.discriminatedUnion('kind', [DirectoryStoreSettings, S3StoreSettings]);
export type ObjectStoreSettings = z.input<typeof ObjectStoreSettings>;
export type ParsedStoreSettings = z.output<typeof ObjectStoreSettings>;
