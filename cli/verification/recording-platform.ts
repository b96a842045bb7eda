// Node's crypto and zlib for core/recording, so that a proof needs no server's word.

import { createHash, createPublicKey, verify } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { RecordingPlatform } from '../../core/recording/segment.ts';

// RFC 8410: what stands before the raw key in an Ed25519 SubjectPublicKeyInfo.
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export const recordingPlatform: RecordingPlatform = {
  sha256: (data) => createHash('sha256').update(data).digest(),
  zstdDecompress: (data, maxBytes) => zstdDecompressSync(data, { maxOutputLength: maxBytes }),
  zstdCompress: (data) => zstdCompressSync(data),
  verifyEd25519(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
    return verify(null, message, key, signature);
  },
};
