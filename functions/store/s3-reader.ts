// Recordings in an S3 bucket.

import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { manifestKey, parseRecordingKey, type RecordingKey } from '../../core/recording/segment.ts';
import { RetriableFault } from '../faults.ts';
import { maxBytesOf, type ObjectPage, type RecordingReader, textOfKey } from './recording-reader.ts';
import { prefixOf, RECORDINGS_PREFIX } from './version-store.ts';

export function s3Reader(client: S3Client, bucket: string): RecordingReader {
  async function fetch(key: RecordingKey, range?: string): Promise<GetObjectCommandOutput | undefined> {
    const Key = textOfKey(key);
    return orAbsent(client.send(new GetObjectCommand({ Bucket: bucket, Key, ...(range ? { Range: range } : {}) })));
  }
  return {
    async list(connector, session, after): Promise<ObjectPage> {
      const prefix = manifestKey(connector, session).replace(/manifest\.json$/, '');
      const page = await orAbsent(
        client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            ...(after === undefined ? {} : { StartAfter: prefix + after }),
          }),
        ),
      );
      const listed = page?.Contents ?? [];
      const objects = listed
        .filter(({ Key }) => Key !== undefined && parseRecordingKey(Key) !== undefined)
        .map(({ Key, Size }) => ({ name: (Key ?? '').slice(prefix.length), bytes: Size ?? 0 }));
      return { objects, after: page?.IsTruncated ? listed.at(-1)?.Key?.slice(prefix.length) : undefined };
    },
    async *walk({ of, after }) {
      let StartAfter: string | undefined = after;
      do {
        const page: ListObjectsV2CommandOutput | undefined = await orAbsent(
          client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: of ? prefixOf(of) : RECORDINGS_PREFIX,
              ...(StartAfter === undefined ? {} : { StartAfter }),
            }),
          ),
        );
        for (const { Key, LastModified } of page?.Contents ?? [])
          if (Key !== undefined) yield { key: Key, storedMs: LastModified?.getTime() ?? 0 };
        StartAfter = page?.IsTruncated ? page.Contents?.at(-1)?.Key : undefined;
      } while (StartAfter !== undefined);
    },
    async get(key) {
      const answer = await fetch(key);
      if (!answer?.Body) return undefined;
      if ((answer.ContentLength ?? 0) > maxBytesOf(key)) {
        await answer.Body.transformToWebStream().cancel();
        return 'too_large';
      }
      return read(answer.Body);
    },
    async tail(key, count) {
      const answer = await fetch(key, `bytes=-${count}`);
      return answer?.Body && read(answer.Body);
    },
    async stream(key) {
      const answer = await fetch(key);
      if (!answer?.Body) return undefined;
      return {
        bytes: answer.ContentLength ?? 0,
        body: answer.Body.transformToWebStream() as ReadableStream<Uint8Array>,
      };
    },
  };
}

async function read(body: NonNullable<GetObjectCommandOutput['Body']>): Promise<Uint8Array> {
  try {
    return await body.transformToByteArray();
  } catch (cause) {
    throw new RetriableFault('an object broke off while it was read', { cause });
  }
}

async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof S3ServiceException && (cause.name === 'NoSuchKey' || cause.name === 'NotFound'))
      return undefined;
    const name = cause instanceof Error ? cause.name : 'unknown';
    throw new RetriableFault(`the object store does not answer: ${name}`, { cause });
  }
}
