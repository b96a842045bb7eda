// A manifest as it says it is: what is claimed, to be shown. Proving it is the verifier's.

import { decodeManifest, type Manifest, ManifestDamage } from '../../core/recording/manifest.ts';
import type { RecordingPlatform } from '../../core/recording/segment.ts';

/** undefined for what no connector writes. */
export function readManifest(bytes: Uint8Array, platform: RecordingPlatform): Manifest | undefined {
  try {
    return decodeManifest(bytes, platform).manifest;
  } catch (fault) {
    if (fault instanceof ManifestDamage) return undefined;
    throw fault;
  }
}
