// A protocol as small as one can be that has channels: lines of text, each on channel `a` or `b`.
//
//   client   HELLO EMAIL RESOURCE SECRET        then lines `a TEXT`, `b TEXT`
//   gateway  WELCOME | SORRY WHY                then lines `a TEXT`, `b TEXT`; its own words are `a ! WORDS`
//   target   AUTH PASSWORD, answered by OK      a connection a channel; answers each line by `echo LINE`
//
// A channel is a lane of the session. `rules.sections.commands` judge its lines.

import { z } from 'zod';
import { err, ok, type Result } from '../../../core/result.ts';
import { secret } from '../../../core/secret.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { ByteStream, Door, Session, TargetRefusal } from '../../../connector/door.ts';
import { ByteReader, ConnectionLost } from '../../../connector/net/byte-reader.ts';
import { dial } from '../../../connector/net/dial.ts';
import {
  credentialSource,
  type CredentialSource,
  Host,
  placeOf,
  Port,
} from '../../../connector/net/target-settings.ts';
import { turnAway } from '../../../connector/net/turn-away.ts';
import type { Protocol, ProtocolModule } from '../../../connector/protocol.ts';
import { Conversations } from './conversations.ts';
import { beginChannel, type EchoTarget, MAX_LINE_BYTES } from './channel.ts';
import { CHANNELS, Demultiplexer } from './demultiplexer.ts';

interface EchoSettings {
  readonly host: string;
  readonly port: number;
  readonly password: CredentialSource | undefined;
}

const Written = z.strictObject({ host: Host, port: Port.default(7007), password: placeOf('a password').optional() });

export const echo: ProtocolModule<EchoSettings, EchoTarget> = {
  defaultPort: 7007,
  listener: z.strictObject({}),
  resource: Written,
  settle(resource, there) {
    const { host, port, password } = Written.strip().parse(resource);
    return { host, port, password: password && credentialSource(password, there) };
  },
  announce: () => ({}),
  address: ({ host, port }) => `${host}:${port}`,
  async openTarget({ host, port, password }, { credential }) {
    const fetched = password && (await credential(password));
    if (fetched?.ok === false) return err([{ setting: 'password', of: 'credential', message: fetched.error }]);
    return ok({ host, port, password: fetched?.value ?? secret('none') });
  },
  create: () => createEcho(),
};

const tell = (stream: ByteStream, refusal: Refusal): Promise<void> =>
  turnAway(stream, Buffer.from(`SORRY ${refusal.message}\n`));
const BAD: Refusal = { reason: 'bad_request', message: 'Expected HELLO EMAIL RESOURCE SECRET.' };

function createEcho(): Protocol<EchoTarget> {
  async function carry(stream: ByteStream, door: Door<EchoTarget>): Promise<void> {
    const reader = new ByteReader(stream, door.signal);
    const hello = await readLine(reader);
    const [word, email = '', resource = '', shown = '', ...rest] = hello?.split(' ') ?? [];
    const refuse = (refusal: Refusal) => {
      reader.release();
      return door.refused(refusal, tell(stream, refusal), { email, resource });
    };
    if (word !== 'HELLO' || shown === '' || rest.length > 0) return refuse(BAD);
    door.progressed('named');
    const lookup = await door.lookUp({ email, resource });
    if (!lookup.ok) return refuse(lookup.error);
    const proof = await lookup.value.proveSecret(secret(shown));
    if (!proof) return refuse({ reason: 'credentials_wrong', message: 'This is not a grant of yours.' });
    const entered = await door.enter(proof, { client: stream, details: {} });
    if (entered.ok) return carrySession(stream, reader, entered.value);
    reader.release();
    return tell(stream, entered.error);
  }

  async function carrySession(stream: ByteStream, reader: ByteReader, session: Session<EchoTarget>): Promise<void> {
    const refuse = (refusal: TargetRefusal) => {
      reader.release();
      return tell(stream, session.failed(refusal));
    };
    if (session.guard.rules.masks.any)
      return refuse({ reason: 'policy_denied', message: 'Echo has nothing that could be masked.' });
    const dialled = await Promise.all(CHANNELS.map(() => logIn(session.upstream, session.signal)));
    const failed = dialled.find((one) => !one.ok);
    if (failed?.ok === false) {
      for (const one of dialled) if (one.ok) one.value.destroy();
      return refuse({ ...failed.error, ofTarget: true });
    }
    const early = reader.release();
    stream.write('WELCOME\n');
    const channels = new Demultiplexer(stream);
    const conversations = CHANNELS.flatMap((name, index) => {
      const target = dialled[index];
      return target?.ok ? [beginChannel(channels.open(name), target.value, session, name)] : [];
    });
    channels.begin(early);
    return session.carry(new Conversations(conversations, channels));
  }

  return {
    carry,
    turnAway: tell,
    tryTarget: async (target) => {
      const tried = await logIn(target, new AbortController().signal);
      if (tried.ok) tried.value.destroy();
      return tried.ok
        ? ok(undefined)
        : err({ refusal: { ...tried.error, ofTarget: true }, detail: tried.error.message });
    },
  };
}

async function logIn(target: EchoTarget, session: AbortSignal): Promise<Result<ByteStream, Refusal>> {
  const signal = AbortSignal.any([session, AbortSignal.timeout(60_000)]);
  const socket = await dial(target, signal).catch(() => undefined);
  if (!socket) return err({ reason: 'upstream_unreachable', message: 'The target is not reachable.' });
  const reader = new ByteReader(socket, signal);
  socket.write(`AUTH ${target.password.reveal()}\n`);
  const answer = await readLine(reader);
  reader.release();
  if (answer === 'OK') return ok(socket);
  socket.destroy();
  return err({ reason: 'upstream_login_failed', message: 'The target did not take the login.' });
}

/** Undefined: it is none, or too long, or the client is gone. */
async function readLine(reader: ByteReader): Promise<string | undefined> {
  const bytes: number[] = [];
  try {
    while (bytes.length < MAX_LINE_BYTES) {
      const [byte = 0] = await reader.take(1);
      if (byte === 0x0a) return Buffer.from(bytes).toString();
      bytes.push(byte);
    }
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
  }
  return undefined;
}
