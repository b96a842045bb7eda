// Ports where the target listens for the client (RFC 4254 section 7.1, tcpip-forward: -R): each judged by where it is to
// listen, on a lane of its own for as long as it does. A connection that comes is carried to the client for such a port
// only, and only while the rule still has it.

import { createHash } from 'node:crypto';
import { type AskedForward, forwardWords } from '../../../../core/policy/sections/forwards.ts';
import type { Decision } from '../../../../core/policy/sections/entries.ts';
import type { Lane, Session } from '../../../door.ts';
import { contained } from '../../../net/contained.ts';
import type { AskedChannel, AskedGlobally, Connection } from '../connection/connection.ts';
import type { SshTarget } from '../login/target-login.ts';
import { judgeForwardUnderMasks } from '../masking/under-masks.ts';
import { FieldReader, fieldsOf, Malformed, OPEN_PROHIBITED } from '../wire/messages.ts';
import { readPlace, readPlaces } from './carried-forward.ts';
import { carryForwarded, type ForwardedConnection } from './forwarded-connection.ts';

/** Of one connection, with those that are still asked for. */
const MAX_LISTENING = 50;

interface RemoteForwardsDeps {
  readonly session: Session<SshTarget>;
  readonly upstream: Connection;
  readonly downstream: Connection;
  /** A connection came. */
  carry(connection: ForwardedConnection): void;
  /** Words of the gateway for the recording; SSH has no place for them at the client. */
  say(words: string): void;
  failed(bug: unknown): void;
}

interface Listening {
  /** As the client asked for it: with its port 0 where it left that to the target. */
  readonly asked: Place;
  /** Undefined: the target has not said yet that it listens. */
  port: number | undefined;
  readonly lane: Lane;
}

type Place = Pick<AskedForward, 'host' | 'port'>;

export class RemoteForwards {
  readonly #deps: RemoteForwardsDeps;
  readonly #listening = new Set<Listening>();

  constructor(deps: RemoteForwardsDeps) {
    this.#deps = deps;
  }

  listen(request: AskedGlobally): void {
    const place = placeOf(request);
    if (!place) this.#refuse(request, 'it names nothing that the target could listen on.');
    else if (this.#listening.size >= MAX_LISTENING)
      this.#refuse(request, `no more than ${MAX_LISTENING} ports at a time.`);
    else if (this.#asked(place)) this.#refuse(request, 'it is asked for already.');
    else this.#listen(request, place);
  }

  #refuse(request: AskedGlobally, words: string): void {
    this.#deps.say(`Remote port forwarding (-R) is refused: ${words}`);
    request.fail();
  }

  #listen(request: AskedGlobally, place: Place): void {
    const { session } = this.#deps;
    const asked: AskedForward = { ...place, remote: true };
    const words = forwardWords(asked);
    const lane = session.openLane({ of: 'tcpip-forward', label: `${words} (-R)` });
    const listening: Listening = { asked: place, port: undefined, lane };
    this.#listening.add(listening);
    const judge = () => judgeForwardUnderMasks(session.guard.rules, asked);
    session.guard.gate.take(
      contained(this.#contained, {
        lane: lane.number,
        number: undefined,
        decision: judge(),
        judge,
        describe: () => ({
          kind: 'forward',
          text: words,
          parameters: [],
          digest: createHash('sha256')
            .update(`tcpip-forward\0${forwardWords(place)}`)
            .digest('hex'),
          touches: [place.host === '' ? '*' : place.host],
        }),
        forward: () => this.#ask(listening, request),
        refuse: ({ message, hint }) => {
          this.#close(listening, message);
          this.#refuse(request, hint === undefined ? message : `${message} ${hint}`);
        },
        notify: (message) => this.#deps.say(message),
      }),
    );
  }

  cancel(request: AskedGlobally): void {
    const place = placeOf(request);
    const listening = place && this.#asked(place);
    if (!place || listening?.port === undefined) {
      request.fail();
      return;
    }
    this.#deps.upstream.request('cancel-tcpip-forward', fieldsOf(place.host, place.port), (success) =>
      this.#contain(() => {
        if (success) {
          this.#close(listening);
          request.succeed();
        } else request.fail();
      }),
    );
  }

  /** A connection came to where the target listens; false: nobody asked it to. */
  arrived(asked: AskedChannel): boolean {
    const places = readPlaces(asked.fields);
    const listening = places && this.#listeningAt(places.at);
    if (!listening) return false;
    const { at, from } = places;
    const { session, downstream, carry } = this.#deps;
    const judge = () => judgeForwardUnderMasks(session.guard.rules, { ...listening.asked, remote: true });
    if (judge().verdict === 'block') {
      this.#deps.say(`A connection to ${forwardWords(at)} is refused: the rule has that forward no more.`);
      asked.refuse({ reason: OPEN_PROHIBITED, words: 'Gatehouse: The rule has this forward no more.' });
      return true;
    }
    const label = `${forwardWords({ ...at, remote: true })}, from ${forwardWords(from)}`;
    // What held the port, people agreed to.
    const stillAllowed = (): Decision => {
      const decision = judge();
      return decision.verdict === 'hold' ? { ...decision, verdict: 'allow' } : decision;
    };
    carry(
      carryForwarded({
        ...{ session, asked, by: 'target', onward: downstream, label },
        judge: stillAllowed,
        describe: undefined,
        noSsh: undefined,
      }),
    );
    return true;
  }

  /** The client is gone: what waits for people is withdrawn. */
  left(): void {
    for (const { lane, port } of this.#listening)
      if (port === undefined) this.#deps.session.guard.gate.withdraw(lane.number, 'client_closed');
  }

  /** Once it stands in the recording. */
  #ask(listening: Listening, request: AskedGlobally): void {
    const { asked, lane } = listening;
    void lane.committed().then((recorded) => {
      if (!recorded) return;
      this.#contain(() =>
        this.#deps.upstream.request('tcpip-forward', fieldsOf(asked.host, asked.port), (success, fields) =>
          this.#contain(() => this.#answered(listening, request, success ? fields : undefined)),
        ),
      );
    });
  }

  /** `fields`: of a success. */
  #answered(listening: Listening, request: AskedGlobally, fields: Buffer | undefined): void {
    const { asked } = listening;
    const port = fields && (asked.port === 0 ? portOf(fields) : asked.port);
    if (port === undefined) {
      this.#close(listening, 'the target refuses it');
      this.#refuse(request, `the target does not listen on ${forwardWords({ ...asked, remote: true })}.`);
      return;
    }
    listening.port = port;
    request.succeed(asked.port === 0 ? fieldsOf(port) : undefined);
  }

  /** By the client's words; where the target chose the port, by that one. */
  #asked({ host, port }: Place): Listening | undefined {
    return [...this.#listening].find(
      ({ asked, port: own }) => asked.host === host && (own ?? asked.port) === port && port !== 0,
    );
  }

  /** Some targets tell the address that was connected to, and not the one that was asked for: the port decides then. */
  #listeningAt(at: Place): Listening | undefined {
    const there = [...this.#listening].filter(({ port }) => port === at.port);
    return there.find(({ asked }) => asked.host === at.host) ?? (there.length === 1 ? there[0] : undefined);
  }

  #close(listening: Listening, note?: string): void {
    this.#listening.delete(listening);
    listening.lane.close({ recorded: 'full', ...(note !== undefined && { note }) });
  }

  readonly #contained = { contain: (work: () => void) => this.#contain(work) };

  /** What throws in `work` is a bug of ours, which ends the session. */
  #contain(work: () => void): void {
    try {
      work();
    } catch (bug) {
      this.#deps.failed(bug);
    }
  }
}

/** string address, uint32 port. Undefined: there is no such place. */
function placeOf({ fields }: AskedGlobally): Place | undefined {
  try {
    return readPlace(new FieldReader(fields, 0));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return undefined;
  }
}

/** Undefined: it says none. */
function portOf(fields: Buffer): number | undefined {
  try {
    return new FieldReader(fields, 0).uint32();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return undefined;
  }
}
