// Seals what masks hide before it comes near a disk (ADR 52, core/recording/originals). The key is made for one session, lives in
// this process's memory alone, and stands in the recording only as an age file that the rule's recipients open. It is used from
// the session's first piece to its last and never again: a session does not outlive its process.

import { createCipheriv, randomBytes } from 'node:crypto';
import { Encrypter } from 'age-encryption';
import type { SessionId } from '../../../core/ids.ts';
import {
  encodeReplacements,
  MAX_PIECE_CLEAR_BYTES,
  nonceOf,
  ORIGINAL_KEY_BYTES,
  type Replacement,
} from '../../../core/recording/originals/original-object.ts';
import type { KeptOriginals } from '../../session/session-log.ts';

/** Rejects for what is no recipient: the policy was refused with it, and a session without its originals must not begin (law 4). */
export async function keepOriginals(session: SessionId, to: readonly string[]): Promise<KeptOriginals> {
  const key = randomBytes(ORIGINAL_KEY_BYTES);
  const encrypter = new Encrypter();
  for (const recipient of to) encrypter.addRecipient(recipient);
  const wrapped = Buffer.from(await encrypter.encrypt(key)).toString('base64');
  const about = Buffer.from(session, 'latin1');
  let next = 0;
  return {
    key: wrapped,
    seal(body, replacements) {
      const pieces: { number: number; sealed: Buffer }[] = [];
      let from = 0;
      for (const part of parted(replacements)) {
        const number = next++;
        const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number));
        cipher.setAAD(about).setAAD(body);
        const sealed = [cipher.update(encodeReplacements(part, from)), cipher.final(), cipher.getAuthTag()];
        pieces.push({ number, sealed: Buffer.concat(sealed) });
        const last = part.at(-1) as Replacement;
        from = last.at + last.length;
      }
      return pieces;
    },
  };
}

/** As many at a time as one piece holds. What is longer itself is put back in parts, of which the first replaces. */
function* parted(replacements: readonly Replacement[]): Generator<readonly Replacement[]> {
  let part: Replacement[] = [];
  let bytes = 0;
  for (const { at, length, clear } of replacements) {
    for (let start = 0; start === 0 || start < clear.length; ) {
      const room = MAX_PIECE_CLEAR_BYTES - bytes;
      const share = clear.subarray(start, start + room);
      part.push(start === 0 ? { at, length, clear: share } : { at: at + length, length: 0, clear: share });
      bytes += share.length;
      start += share.length;
      if (bytes >= MAX_PIECE_CLEAR_BYTES) {
        yield part;
        part = [];
        bytes = 0;
      }
      if (share.length === 0) break;
    }
  }
  if (part.length > 0) yield part;
}
