// As much of S3 as the handlers ask for: read, list, and create when it is not there. In memory, on loopback.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface S3Server {
  readonly endpoint: string;
  /** By key. */
  readonly objects: Map<string, Uint8Array>;
  close(): Promise<void>;
}

export async function startS3Server(): Promise<S3Server> {
  const objects = new Map<string, Uint8Array>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://s3');
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    const xml = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${body}`);
    if (key === '') {
      const prefix = url.searchParams.get('prefix') ?? '';
      const listed = [...objects].filter(([name]) => name.startsWith(prefix));
      const entries = listed.map(
        ([name, { length }]) => `<Contents><Key>${name}</Key><Size>${length}</Size></Contents>`,
      );
      return xml(200, `<ListBucketResult><IsTruncated>false</IsTruncated>${entries.join('')}</ListBucketResult>`);
    }
    if (request.method === 'PUT') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (objects.has(key)) return xml(412, '<Error><Code>PreconditionFailed</Code></Error>');
        objects.set(key, new Uint8Array(Buffer.concat(chunks)));
        return response.writeHead(200).end();
      });
      return;
    }
    const object = objects.get(key);
    if (!object) return xml(404, '<Error><Code>NoSuchKey</Code></Error>');
    const last = /^bytes=-(\d+)$/.exec(request.headers.range ?? '')?.[1];
    const body = last === undefined ? object : object.subarray(-Number(last));
    return response.writeHead(last === undefined ? 200 : 206, { 'content-length': body.length }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
