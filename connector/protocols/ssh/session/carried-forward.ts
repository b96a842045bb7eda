// A forwarded connection that the client asks for (RFC 4254 section 7.2, direct-tcpip: -L, -D, -J, -W): judged by the host
// and port that the client names, and opened by the target.
//
// To the target's own machine no SSH is carried: a second session with its sshd would say everything that this one is
// judged and recorded for, encrypted.

import { createHash } from 'node:crypto';
import {
  type AskedForward,
  forwardWords,
  isOwnMachine,
  isSameHost,
} from '../../../../core/policy/sections/forwards.ts';
import type { Session } from '../../../door.ts';
import type { AskedChannel, Connection } from '../connection/connection.ts';
import type { SshTarget } from '../login/target-login.ts';
import { judgeForwardUnderMasks } from '../masking/under-masks.ts';
import { decodeUtf8, FieldReader, Malformed } from '../wire/messages.ts';
import { carryForwarded, type ForwardedConnection } from './forwarded-connection.ts';

/** A name has 253 characters at most (RFC 1035); a lane's label, which says where it leads, 200. */
const MAX_HOST = 180;

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Where a client wants to be connected to. Undefined: it is none that there could be. */
export const readForward = (fields: Buffer): AskedForward | undefined => readPlaces(fields)?.at;

/** string host, uint32 port, and whose connection it is in the same form, as far as they say. Undefined: there is no such place. */
export function readPlaces(fields: Buffer): { readonly at: Place; readonly from: Place } | undefined {
  try {
    const reader = new FieldReader(fields, 0);
    const at = readPlace(reader);
    const from = { host: reader.string().toString(), port: reader.uint32() };
    return at && { at, from };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return undefined;
  }
}

/** Throws Malformed. Undefined: there is no such place. */
export function readPlace(reader: FieldReader): Place | undefined {
  const host = decodeUtf8(reader.string());
  const port = reader.uint32();
  if (host === undefined || host.length > MAX_HOST || /[\0-\x20\x7f]/.test(host)) return undefined;
  return { host, port };
}

interface ForwardDeps {
  readonly session: Session<SshTarget>;
  readonly upstream: Connection;
  readonly asked: AskedChannel;
  readonly forward: AskedForward;
}

export function carryForward({ session, upstream, asked, forward }: ForwardDeps): ForwardedConnection {
  const words = forwardWords(forward);
  const own = isOwnMachine(forward.host) || isSameHost(forward.host, session.upstream.host);
  return carryForwarded({
    session,
    asked,
    by: 'client',
    onward: upstream,
    label: `forward to ${words}`,
    judge: () => judgeForwardUnderMasks(session.guard.rules, forward),
    describe: () => ({
      kind: 'forward',
      text: words,
      parameters: [],
      digest: createHash('sha256').update(`direct-tcpip\0${words}`).digest('hex'),
      touches: [forward.host],
    }),
    noSsh: own ? 'SSH to the target itself is not carried within a session with it' : undefined,
  });
}
