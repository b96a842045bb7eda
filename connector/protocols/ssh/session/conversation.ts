// A client's connection and a target's as one conversation: each session channel of the client is carried by itself, and
// none waits for another. Over when both connections are.

import type { EndReason } from '../../../../core/recording/facts/session.ts';
import type { Conversation, ConversationEnd, LogFault, Session } from '../../../door.ts';
import type { Relay } from '../../../net/relay.ts';
import type { ChannelStream } from '../connection/channel-stream.ts';
import { type AskedChannel, Connection, type ConnectionOwner } from '../connection/connection.ts';
import { stderrRecord } from '../connection/records.ts';
import type { SshTarget } from '../login/target-login.ts';
import { OPEN_PROHIBITED, OPEN_UNKNOWN_TYPE } from '../wire/messages.ts';
import type { SshTransport, TransportEnd } from '../wire/transport.ts';
import { carryChannel } from './carried-channel.ts';
import { listenForStart } from './channel-setup.ts';
import { carryForward, readForward } from './carried-forward.ts';
import type { ForwardedConnection } from './forwarded-connection.ts';
import { RemoteForwards } from './remote-forwards.ts';

const NOT_CARRIED: Readonly<Record<string, string>> = {
  'direct-tcpip': 'a forward to something that is no host and port',
  'direct-streamlocal@openssh.com': 'forwarding to sockets',
  'streamlocal-forward@openssh.com': 'remote forwarding of sockets',
  'tun@openssh.com': 'tunnel devices',
};

const UNRECORDED =
  'The gateway cannot record this session any more, so it ends; what ran last may not have taken effect. Tell an administrator.';
const FAILED =
  'The gateway failed while it worked on this session. Connect again, and tell an administrator if it stays so.';
const TARGET_LEFT = 'The target closed the connection.';

export class SshConversation implements Conversation {
  readonly ended: Promise<ConversationEnd>;
  readonly #session: Session<SshTarget>;
  readonly #clientTransport: SshTransport;
  readonly #targetTransport: SshTransport;
  readonly #client: Connection;
  readonly #target: Connection;
  readonly #remote: RemoteForwards;
  readonly #relays = new Set<Relay>();
  readonly #forwarded = new Set<ForwardedConnection>();
  /** Channels that have not started anything. */
  readonly #idle = new Set<ChannelStream>();
  #outcome: ConversationEnd | undefined;
  #activeAt = performance.now();
  #resolve: (end: ConversationEnd) => void = () => {};

  constructor(session: Session<SshTarget>, client: SshTransport, target: SshTransport) {
    this.#session = session;
    this.#clientTransport = client;
    this.#targetTransport = target;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#client = new Connection(client, this.#ofClient());
    this.#target = new Connection(target, this.#ofTarget());
    this.#remote = new RemoteForwards({
      session,
      upstream: this.#target,
      downstream: this.#client,
      carry: (connection) => this.#carryForwarded(connection),
      say: (words) => this.#say(words),
      failed: (bug) => this.#failed(bug),
    });
  }

  begin(): void {
    this.#target.begin();
    this.#client.begin();
  }

  end(reason: EndReason, message: string): void {
    if (this.#outcome) return;
    this.#outcome = { reason, message };
    for (const relay of this.#relays) relay.end(reason, message);
    for (const channel of this.#idle) channel.end(stderrRecord(`Gatehouse: ${message}\r\n`));
    this.#finishIfOver();
  }

  logFailed(fault: LogFault): void {
    this.#outcome = { reason: 'log_failed', message: `The recording cannot be written: ${fault.message}` };
    for (const relay of this.#relays) relay.logFailed(fault);
    this.#finishIfOver();
  }

  /** What runs began under rules that had it; a forwarded connection could go on for ever. */
  rulesChanged(): void {
    for (const connection of [...this.#forwarded]) connection.rulesChanged();
  }

  lastActivityMs(): number {
    let last = this.#activeAt;
    for (const relay of this.#relays) last = Math.max(last, relay.lastActivityMs());
    return last;
  }

  #ofClient(): ConnectionOwner {
    return {
      channelAsked: (asked) => this.#asked(asked),
      globallyAsked: (asked) => {
        const forward = NOT_CARRIED[asked.name];
        if (this.#outcome) asked.fail();
        else if (asked.name === 'tcpip-forward') this.#remote.listen(asked);
        else if (asked.name === 'cancel-tcpip-forward') this.#remote.cancel(asked);
        else {
          // What is not understood is answered so; a keepalive asks for no more.
          if (forward !== undefined) this.#refuse(forward);
          asked.fail();
        }
      },
      closed: (how) => this.#clientClosed(how),
    };
  }

  #ofTarget(): ConnectionOwner {
    return {
      channelAsked: (asked) => {
        const { type, refuse } = asked;
        if (type === 'forwarded-tcpip' && !this.#outcome && this.#remote.arrived(asked)) return;
        this.#refuse(`channels of type ${type.slice(0, 100)} from the target`);
        refuse({ reason: OPEN_PROHIBITED, words: 'Gatehouse: not through this gateway.' });
      },
      globallyAsked: ({ fail }) => fail(),
      closed: (how) => this.#targetClosed(how),
    };
  }

  /** Says so in the recording; gives words for the person. */
  #refuse(what: string): string {
    const message = `${what} is not carried by this gateway.`;
    this.#say(message);
    return message;
  }

  /** In the recording. */
  #say(words: string): void {
    this.#session.lane.record('gateway', Buffer.from(`Gatehouse: ${words}\n`));
  }

  #failed(bug: unknown): void {
    this.#outcome = { reason: 'protocol_fault', message: FAILED, ...this.#outcome, bug };
    for (const relay of this.#relays) relay.end('protocol_fault', FAILED);
    this.#finishIfOver();
  }

  #asked(asked: AskedChannel): void {
    const { type, channel } = asked;
    const refuse = (reason: number, words: string) => asked.refuse({ reason, words: `Gatehouse: ${words}` });
    const forward = type === 'direct-tcpip' ? readForward(asked.fields) : undefined;
    const known = NOT_CARRIED[type];
    if (this.#outcome) refuse(OPEN_PROHIBITED, this.#outcome.message);
    else if (type === 'session') {
      asked.accept();
      this.#begin(channel);
    } else if (forward) {
      this.#carryForwarded(carryForward({ session: this.#session, upstream: this.#target, asked, forward }));
    } else if (known) refuse(OPEN_PROHIBITED, this.#refuse(known));
    else refuse(OPEN_UNKNOWN_TYPE, this.#refuse(`channels of type ${type.slice(0, 100)}`));
  }

  #carryForwarded(connection: ForwardedConnection): void {
    this.#activeAt = performance.now();
    this.#forwarded.add(connection);
    void connection.relay.ended.then(() => this.#forwarded.delete(connection));
    this.#carry(connection.relay);
  }

  #carry(relay: Relay): void {
    this.#relays.add(relay);
    void relay.ended.then(({ reason, message, bug }) => {
      this.#relays.delete(relay);
      if (bug !== undefined) this.#outcome = { reason, message, ...this.#outcome, bug };
      this.#finishIfOver();
    });
    if (this.#outcome) relay.end(this.#outcome.reason, this.#outcome.message);
  }

  #begin(channel: ChannelStream): void {
    this.#idle.add(channel);
    channel.once('close', () => {
      this.#idle.delete(channel);
      this.#finishIfOver();
    });
    listenForStart(channel, {
      start: (wish) => {
        this.#idle.delete(channel);
        this.#activeAt = performance.now();
        this.#carry(
          carryChannel({
            session: this.#session,
            upstream: this.#target,
            client: channel,
            wish,
            action: this.#session.nextAction(),
          }),
        );
      },
      refused: (what) => void this.#refuse(what),
      failed: (words) => {
        channel.resume();
        channel.end(stderrRecord(`Gatehouse: ${words}\n`));
      },
    });
    channel.resume();
  }

  #clientClosed({ kind, words, bug }: TransportEnd): void {
    this.#outcome ??=
      kind === 'fault'
        ? { reason: 'protocol_fault', message: words, ...(bug !== undefined && { bug }) }
        : { reason: 'client_closed', message: 'The client closed the session.' };
    this.#remote.left();
    this.#finishIfOver();
  }

  #targetClosed({ kind, words, bug }: TransportEnd): void {
    this.#outcome ??=
      kind === 'fault'
        ? { reason: 'protocol_fault', message: `${words} (the target)`, ...(bug !== undefined && { bug }) }
        : { reason: 'target_closed', message: TARGET_LEFT };
    this.#finishIfOver();
  }

  /** Channels first: each has its own last words, and bytes that are still on their way. */
  #finishIfOver(): void {
    const outcome = this.#outcome;
    if (!outcome || this.#relays.size > 0) return;
    this.#clientTransport.disconnect(outcome.reason === 'log_failed' ? UNRECORDED : outcome.message);
    this.#targetTransport.disconnect('The session is over.');
    if (this.#clientTransport.ended && this.#targetTransport.ended) this.#resolve(outcome);
  }
}
