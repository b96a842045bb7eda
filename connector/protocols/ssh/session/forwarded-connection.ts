// A forwarded connection, whoever asks for it: judged, opened on the other leg once it stands in the recording, and
// recorded on a lane of its own, whatever is spoken on it. Rules in force hold for it as long as it is open.

import type { Decision } from '../../../../core/policy/sections/entries.ts';
import type { Action } from '../../../action.ts';
import type { Lane, Session } from '../../../door.ts';
import { contained } from '../../../net/contained.ts';
import { type Interpreter, Relay } from '../../../net/relay.ts';
import type { ChannelStream } from '../connection/channel-stream.ts';
import type { AskedChannel, ChannelRefused, Connection } from '../connection/connection.ts';
import type { SshTarget } from '../login/target-login.ts';
import { OPEN_PROHIBITED } from '../wire/messages.ts';
import { ForwardedBytes } from './forwarded-bytes.ts';

export const ENCRYPTED = 'SSH was spoken within, so what was said is encrypted';

interface Forwarded {
  readonly session: Session<SshTarget>;
  readonly asked: AskedChannel;
  /** Whose `asked` is. */
  readonly by: 'client' | 'target';
  /** Of the other one. */
  readonly onward: Connection;
  /** Where it leads, or came to and from, for people. */
  readonly label: string;
  /** By the rules in force now. */
  judge(): Decision;
  /** For whoever decides on it; undefined: it was decided when its port was asked for. */
  readonly describe: Action['describe'] | undefined;
  /** Why SSH is not carried on it; undefined: it is. */
  readonly noSsh: string | undefined;
}

export interface ForwardedConnection {
  readonly relay: Relay;
  /** Other rules are in force: it ends where they do not have it any more. */
  rulesChanged(): void;
}

/** A conversation of its own, which ends as the channel does. */
export function carryForwarded(forwarded: Forwarded): ForwardedConnection {
  const { session, asked, by, onward, label } = forwarded;
  const lane = session.openLane({ of: asked.type, label });
  const opened = onward.newChannel();
  const [client, target] = by === 'client' ? [asked.channel, opened] : [opened, asked.channel];
  const relay = new Relay(client, target, lane);
  // Its message is gone when it is asked for.
  const fields = Buffer.from(asked.fields);
  const carried = new CarriedConnection({ ...forwarded, lane, opened, relay, fields });
  relay.begin(carried, Buffer.alloc(0));
  if (by === 'client') client.onHangUp = () => relay.contain(() => carried.clientEnded());
  else client.onLost = () => relay.end('client_closed', 'The client closed the connection.');
  target.onLost = () => relay.end('target_closed', 'The target closed the connection.');
  relay.contain(() => carried.start());
  return { relay, rulesChanged: () => relay.contain(() => carried.rulesChanged()) };
}

type Whole = Forwarded & {
  readonly lane: Lane;
  /** On the other leg. */
  readonly opened: ChannelStream;
  readonly relay: Relay;
  /** As they came: string host, uint32 port, string originator, uint32 originator's port. */
  readonly fields: Buffer;
};

class CarriedConnection implements Interpreter {
  readonly #it: Whole;
  readonly #bytes: ForwardedBytes;
  /** open: from when the other leg is asked for it. */
  #state: 'undecided' | 'open' | 'over' = 'undecided';
  #answered = false;
  /** What held it, people agreed to. */
  #held = false;
  #left = false;
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
    return this.#it.by === 'client' && !this.#answered;
  }

  start(): void {
    const { session, relay, lane, describe, judge } = this.#it;
    if (!describe) {
      this.#open();
      return;
    }
    const outcome = session.guard.gate.take(
      contained(relay, {
        lane: lane.number,
        number: undefined,
        decision: judge(),
        judge,
        describe,
        forward: () => this.#open(),
        refuse: ({ message, hint }) =>
          this.#refuse({ reason: OPEN_PROHIBITED, words: hint === undefined ? message : `${message} ${hint}` }),
        // There is no place for words on the channel.
        notify: () => {},
      }),
    );
    this.#held = outcome === 'held';
  }

  /** Before it stands in the recording, the other leg hears nothing of it (law 1). */
  #open(): void {
    const { onward, opened, relay, asked, by, lane, fields } = this.#it;
    this.#state = 'open';
    const answered = (refused: ChannelRefused | undefined) =>
      relay.contain(() => {
        if (refused) {
          const { reason, words } = refused;
          this.#refuse({ reason, words: `the ${by === 'client' ? 'target' : 'client'}: ${words}` });
          return;
        }
        this.#answered = true;
        asked.accept();
        relay.regulate();
      });
    void lane.committed().then((recorded) => {
      if (recorded && this.#state === 'open') relay.contain(() => onward.open(opened, asked.type, answered, fields));
    });
  }

  rulesChanged(): void {
    if (this.#state !== 'open') return;
    const { verdict, why } = this.#it.judge();
    if (verdict !== 'block' && (verdict !== 'hold' || this.#held)) return;
    this.#end(`the rule has this forward no more${why === '' ? '' : `: ${why}`}`);
  }

  #end(note: string): void {
    this.#note = note;
    this.#it.relay.end('policy_denied', `${note}.`);
  }

  #refuse({ reason, words }: ChannelRefused): void {
    const { asked, opened } = this.#it;
    this.#answered = true;
    this.#note = words;
    asked.refuse({ reason, words: `Gatehouse: ${words}` });
    opened.destroy();
  }

  fromClient(chunk: Buffer): void {
    this.#bytes.carry('client', chunk);
  }

  fromTarget(chunk: Buffer): void {
    this.#bytes.carry('target', chunk);
  }

  #refusesSsh(): boolean {
    const { noSsh } = this.#it;
    this.#note = ENCRYPTED;
    if (noSsh !== undefined) this.#end(noSsh);
    return noSsh !== undefined;
  }

  clientEnded(): void {
    this.#left = true;
    if (this.#it.describe) this.#it.session.guard.gate.withdraw(this.#it.lane.number, 'client_closed');
  }

  farewell(): undefined {
    return undefined;
  }

  closed(): void {
    const { asked, lane } = this.#it;
    this.#state = 'over';
    if (!this.#left) this.clientEnded();
    asked.refuse({ reason: OPEN_PROHIBITED, words: 'Gatehouse: The session is over.' });
    lane.close({ recorded: 'full', ...(this.#note !== undefined && { note: this.#note }) });
  }
}
