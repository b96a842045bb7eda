// Requests of a running channel that the recording tells in words (RFC 4254 sections 6.7, 6.9 and 6.10, RFC 4335).

import type { z } from 'zod';
import type { CommandFinished } from '../../../../core/recording/facts/shell.ts';
import type { ProtocolFact } from '../../../../core/recording/facts/fact.ts';
import { cutText } from '../../../../core/text/cut-text.ts';
import { FieldReader, Malformed } from '../wire/messages.ts';
import { sizeOf } from './channel-setup.ts';

/** Without SIG; others than POSIX's are `NAME@DOMAIN`. */
const SIGNAL = /^[\x21-\x7e]{1,64}$/;
const MAX_WORDS = 1_000;

/** Of a client. Undefined: its bytes say it all. Throws Malformed. */
export function askedFact(name: string, fields: Buffer, action: number): ProtocolFact | undefined {
  const reader = new FieldReader(fields, 0);
  switch (name) {
    case 'window-change':
      return { kind: 'terminal.resized', ...sizeOf(fields) };
    case 'signal':
      return { kind: 'command.signalled', action, signal: signalIn(reader) };
    case 'break':
      return { kind: 'command.signalled', action, breakMs: reader.uint32() };
    default:
      return undefined;
  }
}

export type HowItEnded = Pick<z.infer<typeof CommandFinished>, 'exit' | 'signal' | 'coreDumped' | 'message'>;

/** Of the target's `exit-status` or `exit-signal`. `mask`: its words hold what it likes. Throws Malformed. */
export function howItEnded(name: string, fields: Buffer, mask: (words: string) => string): HowItEnded {
  const reader = new FieldReader(fields, 0);
  if (name === 'exit-status') return { exit: reader.uint32() };
  const signal = signalIn(reader);
  const coreDumped = reader.boolean();
  const message = cutText(mask(reader.string().toString()), MAX_WORDS);
  return { signal, ...(coreDumped && { coreDumped }), ...(message !== '' && { message }) };
}

function signalIn(reader: FieldReader): string {
  const name = reader.text();
  if (!SIGNAL.test(name)) throw new Malformed('a signal that there is not');
  return name;
}
