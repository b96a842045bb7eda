// PostgreSQL behind the seam. README.md says what is supported and what is refused.

import type { Socket } from 'node:net';
import type { GrantCandidate } from '../../../core/control.ts';
import type { Refusal } from '../../../core/refusal.ts';
import { err, ok } from '../../../core/result.ts';
import { ConnectionLost } from '../../net/byte-reader.ts';
import type { AcceptContext, Accepted, Arrival, Claim, Protocol } from '../../protocol.ts';
import { CancelKeys, CancelSender } from './login/cancel.ts';
import { beginConversation } from './session/conversation.ts';
import { type ClientAuth, prove, readWish, type Wish } from './login/login.ts';
import { loadParser } from './rules/parser.ts';
import { createPostgresJudge } from './rules/verdicts.ts';
import { createMaskingShare } from './session/session-masking.ts';
import { negotiateProtocolVersion, PROTOCOL_3_0, PROTOCOL_3_2 } from './wire/messages.ts';
import { type LoginRefusal, refusalMessage } from './wire/refusals.ts';
import { refuseSettings, settingsOf } from './rules/start-up-settings.ts';
import { readStart, type Start, type Transport } from './login/start-up.ts';
import { logIn, tryLogIn } from './login/upstream.ts';

export interface PostgresOptions {
  /** How clients show their grant. `scram` unless they cannot. */
  readonly clientAuth?: ClientAuth;
}

/** How long a client may take to read why it was turned away. */
const FAREWELL_MS = 5_000;

/** Why the listener gave up on a login: its words, or that it took too long. */
const givenUp = ({ reason }: AbortSignal): Refusal =>
  typeof reason === 'object' && reason !== null && 'message' in reason && 'reason' in reason
    ? (reason as Refusal)
    : tooLate;
const whenAborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
const tooLate: Refusal = { reason: 'deadline_exceeded', message: 'The login took too long. Connect again.' };

export function createPostgres(options: PostgresOptions = {}): Protocol {
  const clientAuth = options.clientAuth ?? 'scram';
  const cancelKeys = new CancelKeys();
  const cancelSender = new CancelSender();
  const judge = createPostgresJudge();
  const masking = createMaskingShare();

  async function accept(socket: Socket, context: AcceptContext): Promise<Accepted> {
    const start = await readStart(socket, context);
    switch (start.kind) {
      case 'lost':
        // Opened and closed: a health check. In mid-word or out of time: somebody who got nowhere.
        if (context.signal.aborted && !start.atFirstByte) {
          const refusal = givenUp(context.signal);
          return { kind: 'refused', refusal, closed: turnAway(start.socket, refusal) };
        }
        start.socket.destroy();
        return context.signal.aborted
          ? { kind: 'refused', refusal: givenUp(context.signal), closed: Promise.resolve() }
          : { kind: 'done' };
      case 'refused':
        return {
          kind: 'refused',
          refusal: start.refusal,
          closed: turnAway(start.socket, start.silent ? undefined : start.refusal),
        };
      case 'cancel':
        start.transport.reader.release();
        await cancelKeys.request(start.pid, start.secret);
        await turnAway(start.transport.socket, undefined);
        return { kind: 'done' };
      case 'startup':
        return identify(start, context);
    }
  }

  async function identify(start: Start & { kind: 'startup' }, context: AcceptContext): Promise<Accepted> {
    const { transport, version, parameters } = start;
    const refuse = (refusal: Refusal, claim?: Claim): Accepted => {
      transport.reader.release();
      return { kind: 'refused', refusal, ...(claim && { claim }), closed: turnAway(transport.socket, refusal) };
    };
    const wish = readWish(parameters);
    if (!wish.ok) return refuse(wish.error.refusal, wish.error.claim);
    const { claim } = wish.value;
    context.progressed('named');
    // 3.1 was never released: libpq takes an answer that names it for nonsense.
    const spoken = version >= PROTOCOL_3_2 ? PROTOCOL_3_2 : PROTOCOL_3_0;
    if (version !== spoken || wish.value.unknownOptions.length > 0)
      transport.socket.write(negotiateProtocolVersion(spoken, wish.value.unknownOptions));
    try {
      const lookup = await Promise.race([context.lookUp(claim), whenAborted(context.signal)]);
      // The edge may take longer to answer than this client has.
      if (!lookup) return refuse(givenUp(context.signal), claim);
      if (!lookup.ok) return refuse(lookup.error, claim);
      const proof = await prove(transport, lookup.value, clientAuth, wish.value);
      if (!proof.ok) return refuse(proof.error, claim);
      return { kind: 'arrival', arrival: arrivalOf(transport, wish.value, spoken, proof.value) };
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      if (context.signal.aborted) return refuse(givenUp(context.signal), claim);
      // psql without a password hangs up when it is asked for one, asks the person, and connects again.
      transport.socket.destroy();
      return { kind: 'done' };
    }
  }

  function arrivalOf(transport: Transport, wish: Wish, version: number, grant: GrantCandidate): Arrival {
    const { socket, reader, tls } = transport;
    return {
      claim: wish.claim,
      grant,
      client: {
        address: socket.remoteAddress ?? 'unknown',
        ...(tls !== undefined && { tls }),
        ...(wish.application !== undefined && { application: wish.application }),
      },
      details: wish.database === undefined ? {} : { database: wish.database },
      async connect({ upstream: target, recorder, guard }) {
        await loadParser();
        const stopped = refuseSettings(wish.passedOn, guard.rules.sections.statements, guard.rules.rule);
        if (stopped !== undefined) {
          const refusal: Refusal = { reason: 'policy_denied', message: stopped };
          reader.release();
          void turnAway(socket, refusal);
          return err(refusal);
        }
        const upstream = await logIn(target, wish.database, wish.passedOn);
        if (!upstream.ok) {
          reader.release();
          void turnAway(socket, upstream.error);
          return err(upstream.error);
        }
        // Before the session's first statement, which may change what the catalogue would have said.
        const lease =
          guard.rules.masks.columnRules.length > 0 ? await masking.catalogues.warm(target, wish.database) : undefined;
        const early = reader.release();
        const conversation = beginConversation({
          client: socket,
          early,
          version,
          upstream: upstream.value,
          target,
          recorder,
          guard,
          judge,
          masking,
          database: wish.database,
          roleKnown: settingsOf(wish.passedOn)?.every(([name]) => name !== 'role') === true,
          cancelKeys,
          cancelSender,
        });
        lease?.release();
        return ok(conversation);
      },
      async deny(refusal) {
        reader.release();
        await turnAway(socket, refusal);
      },
    };
  }

  return { name: 'postgres', accept, turnAway, tryTarget: tryLogIn };
}

/** Says why, and closes. Resolves when the socket is closed, or destroyed because it would not be. */
function turnAway(socket: Socket, refusal: LoginRefusal | undefined): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    // What it goes on to send is let go unread, so that its closing is noticed and it is not reset while it reads.
    socket.on('data', () => {});
    socket.once('end', () => socket.destroySoon());
    socket.resume();
    if (refusal) socket.end(refusalMessage(refusal));
    else socket.end();
  });
}
