// A connection that came to a port where the target listens for the client (RFC 4254 section 7.2, forwarded-tcpip):
// opened at the client, and recorded on a lane of its own, whatever is spoken on it.

import type { Lane, Session } from '../../../door.ts';
import { type Interpreter, Relay } from '../../../net/relay.ts';
import type { ChannelStream } from '../connection/channel-stream.ts';
import type { AskedChannel, Connection } from '../connection/connection.ts';
import type { SshTarget } from '../login/target-login.ts';
import { OPEN_PROHIBITED } from '../wire/messages.ts';
import { ENCRYPTED } from './carried-forward.ts';
import { ForwardedBytes } from './forwarded-bytes.ts';

interface IncomingDeps {
  readonly session: Session<SshTarget>;
  readonly downstream: Connection;
  /** By the target. */
  readonly asked: AskedChannel;
  /** Where it came to and from, for people. */
  readonly label: string;
}

/** A conversation of its own, which ends as the channel does. */
export function carryIncoming({ session, downstream, asked, label }: IncomingDeps): Relay {
  const { channel: target } = asked;
  const lane = session.openLane({ of: 'forwarded-tcpip', label });
  const client = downstream.newChannel();
  const relay = new Relay(client, target, lane);
  const carried = new CarriedIncoming({ session, downstream, asked, lane, client, relay });
  relay.begin(carried, Buffer.alloc(0));
  client.onLost = () => relay.end('client_closed', 'The client closed the connection.');
  target.onLost = () => relay.end('target_closed', 'The target closed the connection.');
  relay.contain(() => carried.start());
  return relay;
}

type Whole = Omit<IncomingDeps, 'label'> & {
  readonly lane: Lane;
  readonly client: ChannelStream;
  readonly relay: Relay;
};

class CarriedIncoming implements Interpreter {
  readonly #it: Whole;
  readonly #bytes: ForwardedBytes;
  #note: string | undefined;
  readonly clientWaits = false;
  readonly midMessage = false;
  readonly targetWaits = false;
  readonly clientFull = false;
  readonly working = false;
  /** Either side may close whenever it likes. */
  readonly clientLeft = true;

  constructor(whole: Whole) {
    this.#it = whole;
    const { relay, lane, session } = whole;
    const onSsh = () => {
      this.#note = ENCRYPTED;
      return false;
    };
    this.#bytes = new ForwardedBytes({ relay, lane, opened: session.opened, onSsh });
  }

  start(): void {
    const { downstream, client, relay, asked } = this.#it;
    // Before it stands in the recording that it came, the client hears nothing of it.
    const fields = Buffer.from(asked.fields);
    void this.#it.lane.committed().then((recorded) => {
      if (!recorded) return;
      relay.contain(() =>
        downstream.open(
          client,
          'forwarded-tcpip',
          (refused) =>
            relay.contain(() => {
              if (!refused) {
                asked.accept();
                relay.regulate();
                return;
              }
              this.#note = `the client: ${refused.words}`;
              asked.refuse(refused);
            }),
          fields,
        ),
      );
    });
  }

  fromClient(chunk: Buffer): void {
    this.#bytes.carry('client', chunk);
  }

  fromTarget(chunk: Buffer): void {
    this.#bytes.carry('target', chunk);
  }

  clientEnded(): void {}

  farewell(): undefined {
    return undefined;
  }

  closed(): void {
    const { asked, lane } = this.#it;
    asked.refuse({ reason: OPEN_PROHIBITED, words: 'Gatehouse: The session is over.' });
    lane.close({ recorded: 'full', ...(this.#note !== undefined && { note: this.#note }) });
  }
}
