// As much of S3 as the handlers ask for: read, list, list versions, and create when it is not there. In memory, on loopback.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface S3Server {
  readonly endpoint: string;
  /** By key. */
  readonly objects: Map<string, Uint8Array>;
  /** Keys under a legal hold. */
  readonly held: Set<string>;
  /** Beginnings of keys for which it does not answer. */
  readonly away: Set<string>;
  close(): Promise<void>;
}

/** `delayMs`: before each answer. */
export async function startS3Server({ delayMs = 0 } = {}): Promise<S3Server> {
  const objects = new Map<string, Uint8Array>();
  const [held, away] = [new Set<string>(), new Set<string>()];
  const server = createServer((request, response) => {
    if (delayMs === 0) answer(request, response);
    else setTimeout(answer, delayMs, request, response);
  });
  const answer = (request: IncomingMessage, response: ServerResponse): unknown => {
    const url = new URL(request.url ?? '/', 'http://s3');
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    const xml = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${body}`);
    const asked = key || (url.searchParams.get('prefix') ?? '');
    if ([...away].some((prefix) => asked.startsWith(prefix))) return xml(400, '<Error><Code>Away</Code></Error>');
    if (url.searchParams.has('versions')) {
      const names = [...objects.keys()].filter((name) => name.startsWith(asked)).sort();
      // Stored long ago: whatever kept it is over.
      const entries = names.map(
        (name) =>
          `<Version><Key>${name}</Key><VersionId>v1</VersionId><LastModified>2020-01-01T00:00:00.000Z</LastModified><Size>1</Size></Version>`,
      );
      return xml(200, `<ListVersionsResult><IsTruncated>false</IsTruncated>${entries.join('')}</ListVersionsResult>`);
    }
    if (held.has(key)) response.setHeader('x-amz-object-lock-legal-hold', 'ON');
    if (key === '') {
      const prefix = url.searchParams.get('prefix') ?? '';
      const after = url.searchParams.get('start-after') ?? '';
      const names = [...objects.keys()].filter((name) => name.startsWith(prefix) && name > after).sort();
      const page = names.slice(0, 1000);
      const entries = page.map(
        (name) => `<Contents><Key>${name}</Key><Size>${objects.get(name)?.length}</Size></Contents>`,
      );
      const truncated = names.length > page.length;
      return xml(
        200,
        `<ListBucketResult><IsTruncated>${truncated}</IsTruncated>${entries.join('')}</ListBucketResult>`,
      );
    }
    if (request.method === 'PUT') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (objects.has(key)) return xml(412, '<Error><Code>PreconditionFailed</Code></Error>');
        const body = new Uint8Array(Buffer.concat(chunks));
        objects.set(key, body);
        // What it holds, as S3 answers to a put that names a checksum.
        const sha256 = createHash('sha256').update(body).digest('base64');
        return response.writeHead(200, { 'x-amz-checksum-sha256': sha256, 'x-amz-version-id': 'v1' }).end();
      });
      return undefined;
    }
    if (request.method === 'DELETE') {
      objects.delete(key);
      return response.writeHead(204).end();
    }
    const object = objects.get(key);
    if (!object) return xml(404, '<Error><Code>NoSuchKey</Code></Error>');
    const last = /^bytes=-(\d+)$/.exec(request.headers.range ?? '')?.[1];
    const body = last === undefined ? object : object.subarray(-Number(last));
    return response.writeHead(last === undefined ? 200 : 206, { 'content-length': body.length }).end(body);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    held,
    away,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
