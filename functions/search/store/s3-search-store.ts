// Search segments in an S3 bucket of their own.

import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { RetriableFault } from '../../faults.ts';
import {
  MAX_STORED_BYTES,
  placeOfSegmentKey,
  type SearchStore,
  SEGMENTS_PREFIX,
  segmentKeyOf,
} from './search-store.ts';

export function s3SearchStore(client: S3Client, bucket: string): SearchStore {
  return {
    async create(place, bytes) {
      const put = new PutObjectCommand({
        Bucket: bucket,
        Key: segmentKeyOf(place),
        Body: bytes,
        ContentLength: bytes.length,
        ContentType: 'application/octet-stream',
        IfNoneMatch: '*',
      });
      return answered(
        async () => {
          await client.send(put);
          return 'created' as const;
        },
        ['PreconditionFailed'],
        'exists' as const,
      );
    },
    async get(place) {
      const Key = segmentKeyOf(place);
      return answered(
        async () => {
          const { Body, ContentLength = 0 } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
          if (!Body) return undefined;
          if (ContentLength > MAX_STORED_BYTES) {
            await Body.transformToWebStream().cancel();
            return new Uint8Array(0);
          }
          return Body.transformToByteArray();
        },
        ['NoSuchKey', 'NotFound'],
        undefined,
      );
    },
    async *walk() {
      let StartAfter: string | undefined;
      do {
        const list = new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: SEGMENTS_PREFIX,
          ...(StartAfter !== undefined && { StartAfter }),
        });
        const page: ListObjectsV2CommandOutput | undefined = await answered(() => client.send(list), [], undefined);
        for (const { Key = '' } of page?.Contents ?? []) {
          const place = placeOfSegmentKey(Key);
          if (place) yield place;
        }
        StartAfter = page?.IsTruncated ? page.Contents?.at(-1)?.Key : undefined;
      } while (StartAfter !== undefined);
    },
    async delete(place) {
      const Key = segmentKeyOf(place);
      await answered(
        async () => {
          await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
        },
        [],
        undefined,
      );
    },
  };
}

async function answered<T, O>(work: () => Promise<T>, known: readonly string[], otherwise: O): Promise<T | O> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof S3ServiceException && known.includes(cause.name)) return otherwise;
    const name = cause instanceof Error ? cause.name : 'unknown';
    throw new RetriableFault(`the store of the search index does not answer: ${name}`, { cause });
  }
}
