// Versions of stored objects in S3. Every request names its version: a DELETE without one succeeds under any lock and leaves a marker.

import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type ObjectVersion,
  PutObjectLegalHoldCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { RetriableFault } from '../faults.ts';
import {
  type HoldingStore,
  prefixOf,
  RECORDINGS_PREFIX,
  type StoredVersion,
  type VersionStore,
} from './version-store.ts';

/** Key and version behind which a list goes on. */
type Position = readonly (string | undefined)[];

export function s3VersionStore(client: S3Client, bucket: string, page = 1_000): VersionStore & HoldingStore {
  const at = ({ key, version }: StoredVersion) => ({ Bucket: bucket, Key: key, VersionId: version });
  async function list(Prefix: string, [KeyMarker, VersionIdMarker]: Position) {
    const listed = await answered(
      client.send(
        new ListObjectVersionsCommand({
          ...{ Bucket: bucket, Prefix, MaxKeys: page },
          ...(KeyMarker !== undefined && { KeyMarker }),
          ...(VersionIdMarker !== undefined && { VersionIdMarker }),
        }),
      ),
    );
    const row = (marker: boolean) => (each: Pick<ObjectVersion, 'Key' | 'VersionId' | 'LastModified' | 'Size'>) => ({
      key: each.Key ?? '',
      version: each.VersionId ?? 'null',
      marker,
      storedMs: each.LastModified?.getTime() ?? 0,
      bytes: each.Size ?? 0,
    });
    const versions = [...(listed.Versions ?? []).map(row(false)), ...(listed.DeleteMarkers ?? []).map(row(true))];
    const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = listed;
    if (IsTruncated && NextKeyMarker === undefined) throw new RetriableFault('the object store lists no further');
    const next: Position | undefined = IsTruncated ? [NextKeyMarker, NextVersionIdMarker] : undefined;
    return { versions, next };
  }
  return {
    async versions(place, after) {
      const { versions, next } = await list(prefixOf(place), after === undefined ? [] : JSON.parse(after));
      return { versions, after: next && JSON.stringify(next) };
    },

    async *walk(startAfter) {
      let from: Position | undefined = [startAfter];
      while (from) {
        const { versions, next } = await list(RECORDINGS_PREFIX, from);
        // Objects and markers come in lists of their own.
        yield* versions.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
        from = next;
      }
    },

    async lockOf(version) {
      const head = await orGone(client.send(new HeadObjectCommand(at(version))));
      if (!head) return undefined;
      const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = head;
      return { held: hold === 'ON', ...(mode && until && { lock: { mode, untilMs: until.getTime() } }) };
    },

    async read(version, maxBytes) {
      if (version.bytes > maxBytes) return undefined;
      const found = await orGone(client.send(new GetObjectCommand(at(version))));
      return found?.Body && (await answered(found.Body.transformToByteArray()));
    },

    async remove(version, bypass) {
      try {
        const past = bypass && !version.marker ? { BypassGovernanceRetention: true } : {};
        await client.send(new DeleteObjectCommand({ ...at(version), ...past }));
        return 'removed';
      } catch (error) {
        if (isGone(error)) return 'removed';
        if (statusOf(error) === 403) return 'refused';
        throw away(error);
      }
    },

    async setHold(version, held) {
      const Status = held ? 'ON' : 'OFF';
      const body = `<LegalHold xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>${Status}</Status></LegalHold>`;
      const put = new PutObjectLegalHoldCommand({
        ...at(version),
        LegalHold: { Status },
        ContentMD5: createHash('md5').update(body).digest('base64'),
      });
      if (!(await orGone(client.send(put)))) return false;
      const now = await orGone(client.send(new GetObjectLegalHoldCommand(at(version))));
      if (now && now.LegalHold?.Status !== Status)
        throw new RetriableFault('the object store says another legal hold than it was given');
      return now !== undefined;
    },
  };
}

const statusOf = (error: unknown) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined);
const isGone = (error: unknown): boolean => statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket';

async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw away(error);
  }
}

async function orGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw away(error);
  }
}

function away(cause: unknown): RetriableFault {
  const name = cause instanceof Error ? cause.name : 'unknown';
  return new RetriableFault(`the object store does not answer: ${name}`, { cause });
}
