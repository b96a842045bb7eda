// Who is there: user names the person and the resource (`EMAIL#RESOURCE`), or the database names the resource, and
// the grant's secret is the password.
// A person or resource that does not exist is treated as one whose grants never match, message for
// message, so that nobody learns who and what there is.

import { Email } from '../../../../core/identity.ts';
import type { Refusal } from '../../../../core/refusal.ts';
import { ResourceName } from '../../../../core/resource.ts';
import { secret } from '../../../../core/secret.ts';
import { err, ok, type Result } from '../../../../core/result.ts';
import type { Claim, GrantLookup, ProvenGrant } from '../../../door.ts';
import {
  authenticationCleartext,
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
  MAX_PASSWORD_BYTES,
} from '../wire/messages.ts';
import { SCRAM_SHA_256, SCRAM_SHA_256_PLUS } from '../../../sasl/scram.ts';
import type { Transport } from './start-up.ts';

/** `password`: cleartext inside TLS, for clients that know no SCRAM. */
type ClientAuth = 'scram' | 'password';

export interface Wish {
  readonly claim: Claim;
  /** At the target; undefined: the resource's own. */
  readonly database: string | undefined;
  /** Where the resource stood. */
  readonly namedBy: 'user' | 'database';
  readonly application: string | undefined;
  /** For the target's start-up packet. */
  readonly passedOn: ReadonlyMap<string, string>;
  /** `_pq_.` options, none of which is known: the client is told so and goes on. */
  readonly unknownOptions: readonly string[];
}

/** What PostgreSQL's parse_bool takes for false. */
const FALSE = /^(f|fa|fal|fals|false|n|no|of|off|0)$/i;

/** Where the person, the resource and the database stand in a start-up packet. Nothing of it is checked yet. */
function readNames(parameters: ReadonlyMap<string, string>): {
  email: string;
  resource: string;
  database: string | undefined;
  namedBy: Wish['namedBy'];
} {
  const user = parameters.get('user') ?? '';
  // libpq and the server take the user's name for that of a database where none is given.
  const asked = parameters.get('database') || user;
  // An e-mail address may hold a # itself, and a resource's name no @.
  const hash = user.lastIndexOf('#');
  if (hash >= 0 && !user.includes('@', hash))
    return {
      email: user.slice(0, hash),
      resource: user.slice(hash + 1),
      database: asked === user ? undefined : asked,
      namedBy: 'user',
    };
  const slash = asked.indexOf('/');
  return {
    email: user,
    resource: slash < 0 ? asked : asked.slice(0, slash),
    database: slash < 0 ? undefined : asked.slice(slash + 1),
    namedBy: 'database',
  };
}

/** The wishes in a start-up packet. */
export function readWish(parameters: ReadonlyMap<string, string>): Result<Wish, { refusal: Refusal; claim?: Claim }> {
  const { email: user, resource, database, namedBy } = readNames(parameters);
  const email = Email.safeParse(user);
  const refuse = (reason: Refusal['reason'], message: string) =>
    err({ refusal: { reason, message }, claim: { email: user, resource } });
  if (!email.success)
    return refuse(
      'bad_request',
      'The user must be your e-mail address and the resource, user=YOU@EXAMPLE.COM#RESOURCE, or your e-mail address alone with dbname=RESOURCE.',
    );
  if (!ResourceName.safeParse(resource).success || database === '')
    return refuse(
      'resource_unknown',
      'No resource is named: user=YOU@EXAMPLE.COM#RESOURCE with any database of it, or dbname=RESOURCE or dbname=RESOURCE/DATABASE.',
    );
  const replication = parameters.get('replication');
  if (replication !== undefined && !FALSE.test(replication))
    return refuse('not_supported', 'Replication connections are not supported, since they could not be recorded.');
  const passedOn = new Map<string, string>();
  const unknownOptions: string[] = [];
  for (const [name, value] of parameters) {
    if (name.startsWith('_pq_.')) unknownOptions.push(name);
    else if (name !== 'user' && name !== 'database' && name !== 'replication') passedOn.set(name, value);
  }
  const application = parameters.get('application_name')?.slice(0, 200) || undefined;
  return ok({ claim: { email: email.data, resource }, namedBy, database, application, passedOn, unknownOptions });
}

/** Says what was taken for the resource: `\c DATABASE` names another one where the database stands for it. */
const wrong = ({ claim, namedBy }: Wish): Refusal => ({
  reason: 'credentials_wrong',
  message: `The password is not a grant of this person on the resource ${claim.resource}. Ask for one in the portal, and use its secret as the password.${
    namedBy === 'user' ? '' : ' To name a database: user=EMAIL#RESOURCE, or dbname=RESOURCE/DATABASE.'
  }`,
});
const malformed: Refusal = { reason: 'bad_request', message: 'The login messages are not understood.' };

/** Has the client prove that it holds one of the grants. Rejects with ConnectionLost when it goes away instead. */
export async function prove(
  transport: Transport,
  lookup: GrantLookup,
  clientAuth: ClientAuth,
  wish: Wish,
): Promise<Result<ProvenGrant, Refusal>> {
  if (clientAuth === 'password') {
    if (!transport.tls)
      return err({
        reason: 'not_supported',
        message: 'A password is taken inside TLS only. Connect with sslmode=require or better.',
      });
    return provePassword(transport, lookup, wish);
  }
  return proveScram(transport, lookup, wish);
}

async function provePassword(
  { stream, reader }: Transport,
  lookup: GrantLookup,
  wish: Wish,
): Promise<Result<ProvenGrant, Refusal>> {
  stream.write(authenticationCleartext());
  const body = await readPassword(reader);
  if (body === undefined || body.at(-1) !== 0) return err(malformed);
  const password = secret(body.toString('utf8', 0, body.length - 1));
  const proof = await lookup.proveSecret(password);
  return proof ? ok(proof) : err(wrong(wish));
}

async function proveScram(
  transport: Transport,
  lookup: GrantLookup,
  wish: Wish,
): Promise<Result<ProvenGrant, Refusal>> {
  const { stream, reader, binding } = transport;
  stream.write(authenticationSasl(binding ? [SCRAM_SHA_256_PLUS, SCRAM_SHA_256] : [SCRAM_SHA_256]));
  // SASLInitialResponse: mechanism NUL | int32 length | client-first
  const initial = await readPassword(reader);
  const nameEnd = initial?.indexOf(0) ?? -1;
  if (!initial || nameEnd < 0 || initial.length < nameEnd + 5) return err(malformed);
  const mechanism = initial.toString('latin1', 0, nameEnd);
  if (mechanism !== SCRAM_SHA_256 && (mechanism !== SCRAM_SHA_256_PLUS || binding === undefined)) return err(malformed);
  if (initial.readInt32BE(nameEnd + 1) !== initial.length - nameEnd - 5) return err(malformed);
  const scram = lookup.scram(mechanism, binding);
  const first = scram.first(initial.subarray(nameEnd + 5));
  if (!first.ok) return err(first.error === 'binding' ? boundElsewhere : malformed);
  stream.write(authenticationSaslContinue(first.value));
  // SASLResponse: client-final
  const response = await readPassword(reader);
  if (!response) return err(malformed);
  const final = scram.final(response);
  if (!final.ok) {
    if (final.error === 'wrong') return err(wrong(wish));
    return err(final.error === 'binding' ? boundElsewhere : malformed);
  }
  stream.write(authenticationSaslFinal(final.value.reply));
  return ok(final.value.proof);
}

const boundElsewhere: Refusal = {
  reason: 'credentials_wrong',
  message: 'The login belongs to another TLS connection: something between you and the gateway takes it apart.',
};

/** 'p' int32 length | body. Undefined when it is anything else, or too long. */
async function readPassword(reader: Transport['reader']): Promise<Buffer | undefined> {
  const header = await reader.take(5);
  const length = header.readUInt32BE(1);
  if (header[0] !== 0x70 || length < 5 || length > MAX_PASSWORD_BYTES) return undefined;
  return reader.take(length - 4);
}
