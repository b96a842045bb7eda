// The audit log's pieces in S3: a conditional put under Object Lock that carries the SHA-256 of the
// bytes, which the store checks and answers with.

import { createHash } from 'node:crypto';
import {
  GetObjectCommand,
  GetObjectRetentionCommand,
  ListObjectsV2Command,
  type ObjectLockMode,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { RetriableFault } from '../faults.ts';
import { AUDIT_PIECES, type AuditStore, type PieceKind } from './audit-store.ts';

interface AuditLock {
  readonly mode: ObjectLockMode;
  readonly days: number;
}

/** The bucket refuses times beyond its longest; clocks differ a little. */
const CLOCKS_MS = 3_600_000;

const UNLOCKED = new Set(['NoSuchObjectLockConfiguration', 'ObjectLockConfigurationNotFoundError', 'NoSuchKey']);

/** `lock` `none`: for buckets without Object Lock, which do not keep an archive. */
export function s3AuditStore(
  client: S3Client,
  bucket: string,
  lock: AuditLock | 'none',
  now: () => number,
  { prefix, maxBytes, contentType, isName }: PieceKind = AUDIT_PIECES,
): AuditStore {
  return {
    async create({ name, bytes, sha256 }) {
      const checksum = Buffer.from(sha256).toString('base64');
      const md5 = createHash('md5').update(bytes).digest();
      try {
        const answer = await client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: prefix + name,
            Body: bytes,
            ContentLength: bytes.length,
            ContentType: contentType,
            IfNoneMatch: '*',
            // Ceph heeds the SHA-256 only where the algorithm is named too.
            ChecksumAlgorithm: 'SHA256',
            ChecksumSHA256: checksum,
            // Asked for by every put with Object Lock parameters.
            ContentMD5: md5.toString('base64'),
            ...(lock !== 'none' && {
              ObjectLockMode: lock.mode,
              ObjectLockRetainUntilDate: new Date(now() + lock.days * 86_400_000 - CLOCKS_MS),
            }),
          }),
        );
        // Stores that know no SHA-256 answer with the MD5 alone.
        const { ChecksumSHA256 = checksum, ETag } = answer;
        const confirmed = answer.ChecksumSHA256 !== undefined || ETag === `"${md5.toString('hex')}"`;
        if (ChecksumSHA256 !== checksum || !confirmed) {
          throw new RetriableFault('the object store answered with another checksum, or with none');
        }
        return 'created';
      } catch (error) {
        // 412 is the condition. 409: another put of the name is under way, so this one comes again.
        if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 412) return 'exists';
        throw away(error);
      }
    },

    async list(after) {
      const page = await client
        .send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            ...(after === undefined ? {} : { StartAfter: prefix + after }),
          }),
        )
        .catch((error: unknown) => {
          throw away(error);
        });
      const listed = (page.Contents ?? []).map(({ Key = '', Size = 0 }) => ({
        name: Key.slice(prefix.length),
        bytes: Size,
      }));
      return {
        pieces: listed.filter(({ name }) => isName(name)),
        after: page.IsTruncated ? listed.at(-1)?.name : undefined,
      };
    },

    async get(name) {
      try {
        const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: prefix + name }));
        if (!answer.Body) return undefined;
        if ((answer.ContentLength ?? 0) > maxBytes) {
          await answer.Body.transformToWebStream().cancel();
          return 'too_large';
        }
        return await answer.Body.transformToByteArray();
      } catch (error) {
        if (error instanceof S3ServiceException && error.name === 'NoSuchKey') return undefined;
        throw away(error);
      }
    },

    async lockedUntil(name) {
      if (lock === 'none') return 'none';
      try {
        const { Retention } = await client.send(new GetObjectRetentionCommand({ Bucket: bucket, Key: prefix + name }));
        return Retention?.Mode === undefined ? undefined : Retention.RetainUntilDate?.toISOString();
      } catch (error) {
        // AWS has the first of an object without a lock; stores in its place have the second.
        if (error instanceof S3ServiceException && UNLOCKED.has(error.name)) return undefined;
        throw away(error);
      }
    },
  };
}

function away(cause: unknown): RetriableFault {
  if (cause instanceof RetriableFault) return cause;
  const name = cause instanceof Error ? cause.name : 'unknown';
  return new RetriableFault(`the object store does not answer: ${name}`, { cause });
}
