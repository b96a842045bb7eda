import { Envelope, Manifest } from '../../core/recording/manifest.ts';

/** The manifest as it says it is: what is claimed, to be shown; proving it is the verifier's. */
export function readManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    const envelope = Envelope.parse(JSON.parse(Buffer.from(bytes).toString()));
    return Manifest.parse(JSON.parse(Buffer.from(envelope.payload, 'base64').toString()));
  } catch {
    return undefined;
  }
}
