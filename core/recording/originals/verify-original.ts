// Whether what is sealed beside a segment is what was stored there. No key is needed.

import { UnreadableObject } from '../recording-source.ts';
import { originalName, type RecordingPlatform, type SealedOriginal, toHex } from '../segment.ts';
import type { VerifyFault } from '../verify-faults.ts';

/** `not_read`: it is there, and its content is not handed out. */
export function faultsOfOriginal(
  number: number,
  { digest, bytes }: SealedOriginal,
  found: Uint8Array | UnreadableObject | 'not_read' | undefined,
  platform: RecordingPlatform,
): VerifyFault[] {
  const object = originalName(number);
  const fault = (reason: VerifyFault['reason'], message: string): VerifyFault[] => [{ object, reason, message }];
  if (found === 'not_read') return [];
  if (!found) return fault('original_missing', `what masks hid in segment ${number} was kept, and is missing`);
  if (found instanceof UnreadableObject)
    return fault('object_unreadable', `what is kept beside segment ${number} ${found.message}`);
  if (found.length === bytes && toHex(platform.sha256(found)) === digest) return [];
  return fault('original_altered', `what is kept beside segment ${number} is not what was stored there`);
}
