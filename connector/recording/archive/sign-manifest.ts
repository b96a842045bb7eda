// Makes a session's manifest, signs it, and checks the exact bytes that will be stored: a signature
// that silently did not happen is worse than none.

import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { madeAtMs } from '../../../core/ids.ts';
import { FORMAT_VERSION } from '../../../core/recording/format-version.ts';
import { decodeManifest, encodeManifest, type Manifest, preAuthEncoding } from '../../../core/recording/manifest.ts';
import { coverageOfOriginals } from '../../../core/recording/originals/originals-coverage.ts';
import type { SessionEnded } from '../../../core/recording/facts/session.ts';
import { nodePlatform } from './node-platform.ts';
import type { SegmentCutter } from './segment-cutter.ts';

export interface ManifestSigner {
  /** Raw Ed25519 public key, base64url. */
  readonly publicKey: string;
  sign(manifest: Manifest): Uint8Array;
  /** Throws when `bytes` are not a manifest that this key signed, or one before it. */
  check(bytes: Uint8Array): void;
}

/** Throws when the key is not an Ed25519 private key. */
export function manifestSigner(privateKey: KeyObject | string, earlierKeys: readonly string[] = []): ManifestSigner {
  const key = typeof privateKey === 'string' ? createPrivateKey(privateKey) : privateKey;
  if (key.type !== 'private' || key.asymmetricKeyType !== 'ed25519')
    throw new Error('the signing key must be an Ed25519 private key');
  const publicKey = String(createPublicKey(key).export({ format: 'jwk' }).x);
  return {
    publicKey,
    sign(manifest) {
      const payload = Buffer.from(JSON.stringify(manifest));
      const signature = sign(null, preAuthEncoding(manifest.format, payload), key);
      return encodeManifest(manifest.format, payload, signature, publicKey);
    },
    check(bytes) {
      const decoded = decodeManifest(bytes, nodePlatform);
      const { key: named } = decoded.manifest.connector;
      // Signed before the key was changed, and not stored yet.
      if (named !== publicKey && !earlierKeys.includes(named)) throw new Error('the manifest names another key');
      if (!decoded.signed) throw new Error('the manifest’s signature does not verify');
    },
  };
}

export function manifestOf(
  cutter: SegmentCutter,
  ended: SessionEnded,
  connector: { readonly id: string; readonly name: string; readonly build: string },
  key: string,
): Manifest {
  const { opened } = cutter.tally;
  const durationUs = cutter.tally.lastTimeUs;
  // A session that a crash left without its first frame began when its id was made.
  const startedAt = opened?.startedAt ?? new Date(madeAtMs(cutter.session)).toISOString();
  const originals = coverageOfOriginals(cutter.segments, opened);
  const endedAt = new Date(Date.parse(startedAt) + durationUs / 1000).toISOString();
  return {
    format: FORMAT_VERSION,
    session: cutter.session,
    connector: { ...(opened?.connector ?? { ...connector, id: cutter.connector }), key },
    ...(opened && { opened }),
    startedAt,
    endedAt,
    durationUs,
    segments: [...cutter.segments],
    counts: cutter.tally.counts(),
    end: { reason: ended.reason, message: ended.message },
    coverage: { ...cutter.tally.coverage(cutter.lost), ...(originals && { originals }) },
  };
}
