// The Lambda entries, called as Lambda calls them.

import type { SQSEvent } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { ENV, readSettings } from '../../functions/env.ts';
import { createdKeys } from '../../functions/events.ts';
import type { IndexEvent } from '../../functions/faults.ts';
import { RetriableFault } from '../../functions/faults.ts';
import { indexBatch } from '../../functions/index-segment/index-batch.ts';
import { eventOf } from '../harness/recording-builder.ts';
import { lambdaHandlers } from './lambda-handlers.ts';

const batch = (...bodies: string[]) =>
  ({ Records: bodies.map((body, i) => ({ messageId: `m${i}`, body })) }) as unknown as SQSEvent;

describe('a batch of events', () => {
  it('names what must come again, and only that', async () => {
    const seen: string[] = [];
    const events: IndexEvent[] = [];
    const answer = await indexBatch(
      batch(
        JSON.stringify(eventOf('a')),
        JSON.stringify(eventOf('away')),
        'not JSON',
        JSON.stringify({ hello: 'there' }),
        JSON.stringify({ Event: 's3:TestEvent' }),
        JSON.stringify(eventOf('b', 'c')),
      ),
      async (key) => {
        if (key === 'away') throw new RetriableFault('the store is away');
        seen.push(key);
      },
      (event) => events.push(event),
    );
    expect(answer).toEqual({
      batchItemFailures: [{ itemIdentifier: 'm1' }, { itemIdentifier: 'm2' }, { itemIdentifier: 'm3' }],
    });
    expect(seen.sort()).toEqual(['a', 'b', 'c']);
    expect(events.map(({ kind }) => kind)).toEqual(['event.retried', 'event.retried', 'event.retried']);
  });
});

describe('events of S3', () => {
  it('are read in both of their shapes, with keys as they are', () => {
    expect(createdKeys(eventOf('recordings/con_1/a b+c.seg'))).toEqual(['recordings/con_1/a b+c.seg']);
    expect(createdKeys({ Records: [{ eventName: 'ObjectCreated:Put', s3: { object: { key: 'a+b' } } }] })).toEqual([
      'a b',
    ]);
    expect(createdKeys({ Records: [{ eventName: 'ObjectRemoved:Delete', s3: { object: { key: 'a' } } }] })).toEqual([]);
    expect(createdKeys({ 'detail-type': 'Object Created', detail: { object: { key: 'a' } } })).toEqual(['a']);
    expect(createdKeys({ 'detail-type': 'Object Deleted', detail: { object: { key: 'a' } } })).toEqual([]);
    for (const other of [null, 1, 'x', {}, { Records: [{}] }]) expect(createdKeys(other)).toBeUndefined();
  });
});

describe('settings', () => {
  it('are read from the environment, and what is wrong is named', () => {
    const both = { [ENV.bucket]: 'recordings', [ENV.table]: 'catalogue' };
    expect(readSettings({ ...both, [ENV.edgeKey]: 'edge.example/sessions+0+x' }).edgeKey).toBe(
      'edge.example/sessions+0+x',
    );
    expect(() => readSettings({})).toThrow(/RECORDINGS_BUCKET.*CATALOGUE_TABLE/);
  });
});

describe('the function URL', () => {
  it('answers a request as a stream', async () => {
    const written: Uint8Array[] = [];
    let metadata: { statusCode?: number; headers?: Record<string, string> } = {};
    // What Lambda's Node runtime provides.
    const stream = new (await import('node:stream')).Writable({
      write(chunk: Uint8Array, _, done) {
        written.push(chunk);
        done();
      },
    });
    Object.assign(globalThis, {
      awslambda: {
        streamifyResponse: (handler: unknown) => handler,
        HttpResponseStream: {
          from: (to: unknown, head: typeof metadata) => {
            metadata = head;
            return to;
          },
        },
      },
    });
    process.env[ENV.bucket] = 'recordings';
    process.env[ENV.table] = 'catalogue';
    process.env.AWS_REGION = 'eu-central-1';
    const { api } = await lambdaHandlers();
    const event = {
      version: '2.0',
      rawPath: '/sessions/not-an-id',
      rawQueryString: '',
      headers: { host: 'x.lambda-url.eu-central-1.on.aws' },
      requestContext: { http: { method: 'GET', path: '/sessions/not-an-id' }, domainName: 'x', requestId: 'r' },
      isBase64Encoded: false,
    };
    await (api as unknown as (event: unknown, stream: unknown, context: unknown) => Promise<void>)(event, stream, {});
    expect(metadata.statusCode).toBe(404);
    expect(JSON.parse(Buffer.concat(written).toString())).toMatchObject({ error: { reason: 'not_found' } });
    // The queue delivers in AWS: the URL takes no events.
    await (api as unknown as (event: unknown, stream: unknown, context: unknown) => Promise<void>)(
      {
        ...event,
        rawPath: '/events',
        requestContext: { ...event.requestContext, http: { method: 'POST', path: '/events' } },
      },
      new (await import('node:stream')).Writable({ write: (_, __, done) => done() }),
      {},
    );
    expect(metadata.statusCode).toBe(404);
  });
});
