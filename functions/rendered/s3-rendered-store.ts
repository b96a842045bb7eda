// Rendered exports in S3, in the bucket of what is derived. A link is a presigned GET (SigV4 in the query): it names one object, and
// opens it for as long as it says or the role that signed it has its credentials, whichever is shorter.

import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { AwsClient } from 'aws4fetch';
import { createHash } from 'node:crypto';
import { SessionId } from '../../core/ids.ts';
import { RENDERED_PREFIX } from '../../core/retention/rendered.ts';
import { RetriableFault } from '../faults.ts';
import { renderedKeyOf, type RenderedStore } from './rendered-store.ts';

export function s3RenderedStore(client: S3Client, bucket: string, now: () => number): RenderedStore {
  async function* pages(Prefix: string): AsyncGenerator<ListObjectsV2CommandOutput> {
    let ContinuationToken: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await answered(
        client.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix, ...(ContinuationToken && { ContinuationToken }) }),
        ),
      );
      yield page;
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
  }
  return {
    async put(place, name, bytes) {
      await answered(
        client.send(
          new PutObjectCommand({
            ...{ Bucket: bucket, Key: renderedKeyOf(place, name), Body: bytes, ContentLength: bytes.length },
            ContentType: 'application/octet-stream',
            ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
          }),
        ),
      );
    },
    async get(place, name) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: renderedKeyOf(place, name) }));
        return await Body?.transformToByteArray();
      } catch (cause) {
        if (cause instanceof S3ServiceException && cause.name === 'NoSuchKey') return undefined;
        throw away(cause);
      }
    },
    async remove(session) {
      for await (const { Contents = [] } of pages(`${RENDERED_PREFIX}${session}/`)) {
        const Objects = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
        if (Objects.length === 0) continue;
        const deleted = await answered(
          client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } })),
        );
        if (deleted.Errors?.length)
          throw new RetriableFault(`${deleted.Errors.length} rendered objects were not deleted`);
      }
    },
    async *sessions() {
      let last: { session: SessionId; oldestMs: number } | undefined;
      for await (const { Contents = [] } of pages(RENDERED_PREFIX))
        for (const { Key = '', LastModified } of Contents) {
          const session = SessionId.safeParse(Key.split('/')[1]);
          if (!session.success) continue;
          const storedMs = LastModified?.getTime() ?? 0;
          if (last?.session === session.data) last.oldestMs = Math.min(last.oldestMs, storedMs);
          else {
            if (last) yield last;
            last = { session: session.data, oldestMs: storedMs };
          }
        }
      if (last) yield last;
    },
    async link(place, part, fileName, untilMs) {
      const { credentials, region, endpoint } = client.config;
      const [keys, regionName, own] = await Promise.all([credentials(), region(), endpoint?.()]);
      const key = renderedKeyOf(place, part);
      const { protocol = 'https:', hostname = '', port } = own ?? {};
      const url = own
        ? new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}/${bucket}/${key}`)
        : new URL(
            `https://${bucket}.s3.${regionName}.amazonaws.com${regionName.startsWith('cn-') ? '.cn' : ''}/${key}`,
          );
      url.searchParams.set('X-Amz-Expires', String(Math.max(1, Math.floor((untilMs - now()) / 1000))));
      url.searchParams.set('response-content-disposition', `attachment; filename="${fileName}"`);
      const { accessKeyId, secretAccessKey, sessionToken } = keys;
      const aws = new AwsClient({
        ...{ accessKeyId, secretAccessKey, service: 's3', region: regionName },
        ...(sessionToken !== undefined && { sessionToken }),
      });
      const datetime = new Date(now()).toISOString().replace(/[:-]|\.\d{3}/g, '');
      return (await aws.sign(url.href, { aws: { signQuery: true, datetime } })).url;
    },
  };
}

async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw away(cause);
  }
}

function away(cause: unknown): RetriableFault {
  const name = cause instanceof Error ? cause.name : 'unknown';
  return new RetriableFault(`the store of rendered exports does not answer: ${name}`, { cause });
}
