// A recording, as its files by name, and what verifySession says of it.

import { nodePlatform } from '../../connector/recording/archive/node-platform.ts';
import { newId } from '../../core/ids.ts';
import { decodeManifest, type Manifest } from '../../core/recording/manifest.ts';
import { type VerifyInput, type VerifyReport, verifySession } from '../../core/recording/verify.ts';
import { newConnector, RecordingBuilder, sealManifest } from './recording-builder.ts';

const encoder = new TextEncoder();
export const connector = newConnector();
export const session = newId('ses');

export function recording(segments = 4, id = session): Map<string, Uint8Array> {
  const builder = new RecordingBuilder({ connector, session: id });
  for (let number = 1; number < segments; number++)
    builder.query(`select ${number}`, encoder.encode(`the answer to ${number}`)).cut();
  return named(builder.end().objects);
}

export function named(objects: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map([...objects].map(([key, bytes]) => [key.slice(key.lastIndexOf('/') + 1), bytes]));
}

export function check(
  objects: ReadonlyMap<string, Uint8Array>,
  more: Partial<VerifyInput> = {},
): Promise<VerifyReport> {
  return verifySession({
    session,
    connector: connector.id,
    platform: nodePlatform,
    trustedKeys: [connector.publicKey],
    source: { list: async () => [...objects.keys()], read: async (name) => objects.get(name) },
    ...more,
  });
}

export const reasons = (report: VerifyReport): string[] =>
  report.faults.map(({ object, reason }) => `${object} ${reason}`);
export const manifestOf = (objects: ReadonlyMap<string, Uint8Array>): Manifest =>
  decodeManifest(object(objects, 'manifest.json'), nodePlatform).manifest;
export const headsOf = (objects: ReadonlyMap<string, Uint8Array>) =>
  manifestOf(objects).segments.map(({ number, digest }) => ({ number, digest, at: '2026-11-20T12:00:01.000Z' }));

export const witnessedOf = (objects: ReadonlyMap<string, Uint8Array>) => ({
  digest: decodeManifest(object(objects, 'manifest.json'), nodePlatform).digest,
  segments: manifestOf(objects).segments.length,
});

export function object(objects: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = objects.get(name);
  if (!bytes) throw new Error(`no object ${name}`);
  return bytes;
}

/** The same recording with its manifest told otherwise and signed again with the connector's own key. */
export function retold(
  objects: Map<string, Uint8Array>,
  change: (manifest: Manifest) => Manifest,
): Map<string, Uint8Array> {
  return new Map(objects).set('manifest.json', sealManifest(change(manifestOf(objects)), connector));
}
