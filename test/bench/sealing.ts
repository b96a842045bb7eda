// How long the proof of a very long session takes: 72 hours, a segment each 5 s, in a store that takes
// its time for each answer. The store is an HTTP server on loopback that speaks S3, with a delay;
// its bandwidth is loopback's, so a session of full segments is bound by the real store's instead.

import { segmentKey } from '../../core/recording/segment.ts';
import { type ChainState, SegmentChain } from '../../core/recording/verify-chain.ts';
import { verifySession } from '../../core/recording/verify.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { recordingSource } from '../../functions/store/recording-source.ts';
import { s3Reader } from '../../functions/store/s3-reader.ts';
import { S3Client } from '@aws-sdk/client-s3';
import { answer, RecordingBuilder } from '../harness/recording-builder.ts';
import { startS3Server } from '../infra/s3-server.ts';

/** 72 hours, and a day. */
const SESSIONS = [52_000, 17_280];
const DELAY_MS = 30;

export async function benchSealing(): Promise<void> {
  for (const segments of SESSIONS) {
    const builder = new RecordingBuilder();
    for (let segment = 0; segment < segments - 1; segment++)
      builder
        .query(`select ${segment}`, answer(['n'], [[String(segment)]]))
        .wait(5_000_000)
        .cut();
    builder.end();
    // As the indexer has it when the manifest comes.
    const { connector, session, objects } = builder;
    const chain = new SegmentChain(session, connector.id, undefined, nodeRecordingPlatform, { complete: true });
    for (let number = 0; number < segments - 15; number++)
      chain.next(number, objects.get(segmentKey(connector.id, session, number)));
    await measure(builder, undefined, 'verified whole');
    await measure(builder, chain.state(), 'sealed behind what was verified before');
  }
}

async function measure(builder: RecordingBuilder, from: ChainState | undefined, how: string): Promise<void> {
  const server = await startS3Server({ delayMs: DELAY_MS });
  for (const [key, bytes] of builder.objects) server.objects.set(key, bytes);
  const client = new S3Client({
    region: 'eu-central-1',
    endpoint: server.endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const before = { cpu: process.cpuUsage(), ms: performance.now() };
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 100);
  const report = await verifySession({
    session: builder.session,
    connector: builder.connector.id,
    source: recordingSource(s3Reader(client, 'recordings'), builder.connector.id, builder.session),
    platform: nodeRecordingPlatform,
    from,
  });
  clearInterval(watch);
  const cpu = process.cpuUsage(before.cpu);
  const seconds = (performance.now() - before.ms) / 1000;
  client.destroy();
  await server.close();
  console.log(
    `${builder.objects.size - 1} segments, ${DELAY_MS} ms an answer: ${how}, ${report.proven ? 'proven' : 'NOT PROVEN'} in ${seconds.toFixed(1)} s, ` +
      `CPU of reader and store ${((cpu.user + cpu.system) / 1e6).toFixed(0)} s, resident at most ${(peak / 2 ** 20).toFixed(0)} MiB (with the store)`,
  );
}
