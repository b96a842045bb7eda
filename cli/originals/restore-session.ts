// A session's frames with what masks hid put back, each proven on the way: the segments are those of the manifest, what is
// sealed beside them is what they say, and it opens beside the recorded bytes alone.

import { createDecipheriv } from 'node:crypto';
import { Decrypter } from 'age-encryption';
import type { SessionId } from '../../core/ids.ts';
import { FrameDamage } from '../../core/recording/frame.ts';
import type { Manifest, ManifestSegment } from '../../core/recording/manifest.ts';
import { type ClearFrame, ClearFrames, type OpenPiece } from '../../core/recording/originals/clear-frames.ts';
import {
  nonceOf,
  ORIGINAL_KEY_BYTES,
  OriginalDamage,
  TAG_BYTES,
} from '../../core/recording/originals/original-object.ts';
import { decodeSegment, originalName, SegmentDamage, segmentName, toHex } from '../../core/recording/segment.ts';
import { type Secret, secret } from '../../core/secret.ts';
import { Failure } from '../failure.ts';
import { recordingPlatform } from '../verification/recording-platform.ts';
import type { OriginalsStream } from './originals-stream.ts';

/** Opens the session's key on this machine. Throws a Failure where nothing is kept, or none of the identities opens it. */
export async function openSessionKey(
  { opened }: Manifest,
  identities: readonly Secret<string>[],
  file: string,
): Promise<Secret<Uint8Array>> {
  const wrapped = opened?.originals?.key;
  if (wrapped === undefined)
    throw new Failure(1, 'nothing_kept', 'nothing of what masks hid in this session is kept: its rule did not say so');
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity.reveal());
  const key = await decrypter.decrypt(Buffer.from(wrapped, 'base64')).catch(() => undefined);
  if (key?.length === ORIGINAL_KEY_BYTES) return secret(key);
  const to = opened?.grant.obligations.record.originals ?? [];
  throw new Failure(1, 'identity_wrong', `no identity of ${file} opens it: it is sealed to ${to.join(', ')}`);
}

/** `read`: a segment, by its number. Throws a Failure where anything is not what the manifest says. */
export async function* restoreSession(
  session: SessionId,
  { segments }: Manifest,
  key: Secret<Uint8Array>,
  read: (number: number) => Promise<Uint8Array>,
  originals: OriginalsStream,
): AsyncGenerator<ClearFrame> {
  const frames = new ClearFrames(opener(session, key));
  for (const listed of segments) {
    const bytes = await read(listed.number);
    const beside = listed.original && (await nextOriginal(listed, originals));
    try {
      const segment = decodeSegment(bytes, recordingPlatform);
      if (segment.digest !== listed.digest) throw new SegmentDamage('it is not the one that the manifest lists');
      yield* frames.framesOf(segment, beside);
    } catch (error) {
      if (error instanceof SegmentDamage || error instanceof FrameDamage)
        throw damaged(segmentName(listed.number), error.message);
      if (error instanceof OriginalDamage) throw damaged(originalName(listed.number), error.message);
      throw error;
    }
  }
  if (await originals.next()) throw damaged('originals', 'there are more than the manifest lists');
}

async function nextOriginal({ number, original }: ManifestSegment, originals: OriginalsStream): Promise<Uint8Array> {
  const next = await originals.next();
  if (next?.segment !== number) throw damaged(originalName(number), 'it is missing');
  if (toHex(recordingPlatform.sha256(next.object)) !== original?.digest)
    throw damaged(originalName(number), 'it is not what was stored there');
  return next.object;
}

function opener(session: SessionId, key: Secret<Uint8Array>): OpenPiece {
  const about = Buffer.from(session, 'latin1');
  return (number, body, sealed) => {
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.reveal(), nonceOf(number), { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.concat([about, body]));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
    } catch {
      throw new OriginalDamage('a piece does not open beside what is recorded: it is not of this recording');
    }
  };
}

const damaged = (object: string, message: string): Failure =>
  new Failure(1, 'recording_damaged', `${object}: ${message}`);
