// A forwarded connection (RFC 4254 section 7.2, direct-tcpip: -L, -D, -J, -W): judged by the host and port that the client
// names, opened by the target, and recorded on a lane of its own, whatever is spoken on it.
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
import type { Lane, Session } from '../../../door.ts';
import { contained } from '../../../net/contained.ts';
import { type Interpreter, Relay } from '../../../net/relay.ts';
import type { ChannelStream } from '../connection/channel-stream.ts';
import type { AskedChannel, Connection } from '../connection/connection.ts';
import type { SshTarget } from '../login/target-login.ts';
import { judgeForwardUnderMasks } from '../masking/under-masks.ts';
import { decodeUtf8, FieldReader, Malformed, OPEN_PROHIBITED } from '../wire/messages.ts';
import { ForwardedBytes } from './forwarded-bytes.ts';

/** A name has 253 characters at most (RFC 1035); a lane's label, which says where it leads, 200. */
const MAX_HOST = 180;
export const ENCRYPTED = 'SSH was spoken within, so what was said is encrypted';

/** Where a client wants to be connected to. */
interface Forward extends AskedForward {
  /** As it came: string host, uint32 port, string originator, uint32 originator's port. */
  readonly fields: Buffer;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Undefined: it is none that there could be. */
export function readForward(fields: Buffer): Forward | undefined {
  const place = readPlaces(fields)?.at;
  return place && { ...place, fields: Buffer.from(fields) };
}

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
  readonly forward: Forward;
}

/** A conversation of its own, which ends as the channel does. */
export function carryForward({ session, upstream, asked, forward }: ForwardDeps): Relay {
  const { channel: client } = asked;
  const lane = session.openLane({ of: 'direct-tcpip', label: `forward to ${forwardWords(forward)}` });
  const target = upstream.newChannel();
  const relay = new Relay(client, target, lane);
  const carried = new CarriedForward({ session, upstream, asked, forward, lane, target, relay });
  relay.begin(carried, Buffer.alloc(0));
  client.onHangUp = () => relay.contain(() => carried.clientEnded());
  target.onLost = () => relay.end('target_closed', 'The target closed the connection.');
  relay.contain(() => carried.start());
  return relay;
}

type Whole = ForwardDeps & { readonly lane: Lane; readonly target: ChannelStream; readonly relay: Relay };

class CarriedForward implements Interpreter {
  readonly #it: Whole;
  #decided = false;
  #left = false;
  readonly #bytes: ForwardedBytes;
  #note: string | undefined;
  readonly midMessage = false;
  readonly targetWaits = false;
  readonly clientFull = false;
  readonly working = false;
  /** Either side may close whenever it likes. */
  readonly clientLeft = true;

  constructor(whole: Whole) {
    this.#it = whole;
    const { relay, lane, session } = whole;
    this.#bytes = new ForwardedBytes({ relay, lane, opened: session.opened, onSsh: () => this.#refusesSsh() });
  }

  get clientWaits(): boolean {
    return !this.#decided;
  }

  start(): void {
    const { session, relay, lane, forward } = this.#it;
    const judge = () => judgeForwardUnderMasks(session.guard.rules, forward);
    session.guard.gate.take(
      contained(relay, {
        lane: lane.number,
        number: undefined,
        decision: judge(),
        judge,
        describe: () => ({
          kind: 'forward',
          text: forwardWords(forward),
          parameters: [],
          digest: createHash('sha256')
            .update(`direct-tcpip\0${forwardWords(forward)}`)
            .digest('hex'),
          touches: [forward.host],
        }),
        forward: () => this.#open(),
        refuse: ({ message, hint }) => this.#refuse(hint === undefined ? message : `${message} ${hint}`),
        // There is no place for words on the channel.
        notify: () => {},
      }),
    );
  }

  #open(): void {
    const { upstream, target, relay, asked, forward } = this.#it;
    const answered = (refused: { readonly reason: number; readonly words: string } | undefined) =>
      relay.contain(() => {
        this.#decided = true;
        if (refused) return this.#refuse(`the target: ${refused.words}`, refused.reason);
        asked.accept();
        relay.regulate();
      });
    upstream.open(target, 'direct-tcpip', answered, forward.fields);
  }

  #refuse(words: string, reason = OPEN_PROHIBITED): void {
    const { asked, target } = this.#it;
    this.#decided = true;
    this.#note = words;
    asked.refuse({ reason, words: `Gatehouse: ${words}` });
    target.destroy();
  }

  fromClient(chunk: Buffer): void {
    this.#bytes.carry('client', chunk);
  }

  fromTarget(chunk: Buffer): void {
    this.#bytes.carry('target', chunk);
  }

  #refusesSsh(): boolean {
    const { session, relay, forward } = this.#it;
    this.#note = ENCRYPTED;
    const own = isOwnMachine(forward.host) || isSameHost(forward.host, session.upstream.host);
    if (own) {
      this.#note = 'SSH to the target itself is not carried within a session with it';
      relay.end('policy_denied', `${this.#note}.`);
    }
    return own;
  }

  clientEnded(): void {
    this.#left = true;
    this.#it.session.guard.gate.withdraw(this.#it.lane.number, 'client_closed');
  }

  farewell(): undefined {
    return undefined;
  }

  closed(): void {
    const { asked, lane } = this.#it;
    if (!this.#left) this.clientEnded();
    asked.refuse({ reason: OPEN_PROHIBITED, words: 'Gatehouse: The session is over.' });
    lane.close({ recorded: 'full', ...(this.#note !== undefined && { note: this.#note }) });
  }
}
