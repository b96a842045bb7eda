// What the seam does not let a protocol say. Checked by `npm run types`: each of these must fail to compile, and an
// error that is expected and does not come is one itself. Nothing here runs.

import { mask, passUntouched } from '../core/masking/masked.ts';
import type { ByteStream, Door, Lane, ProvenGrant, Recorded, Session } from './door.ts';
import type { Relay } from './net/relay.ts';

declare const relay: Relay;
declare const lane: Lane;
declare const session: Session<{ readonly host: string }>;
declare const door: Door<{ readonly host: string }>;
declare const bytes: Buffer;
declare const client: ByteStream;
declare const proof: ProvenGrant;
declare const masking: Parameters<typeof mask>[0];

/** Law 1: what goes on needs the receipt of what was recorded. */
export function recordedFirst(): void {
  relay.toTarget(bytes, lane.record('client', bytes));
  relay.toTarget(bytes, session.opened);
  // @ts-expect-error no receipt
  relay.toTarget(bytes);
  // @ts-expect-error no receipt
  relay.toClient(passUntouched(bytes));
  // @ts-expect-error a receipt that no lane made
  const forged: Recorded = {};
  relay.toTarget(bytes, forged);
}

/** A protocol tells what it understood; what the session, its gate and its masks know is theirs to tell. */
export function factsOfItsOwn(): void {
  lane.fact({ kind: 'cancel.requested' });
  // @ts-expect-error the session's end
  lane.fact({ kind: 'session.ended', reason: 'client_closed', message: '' });
  // @ts-expect-error how much of a lane is recorded is said by closing it
  lane.fact({ kind: 'lane.closed', lane: 1, recorded: 'full' });
  // @ts-expect-error lanes are opened by the session
  lane.fact({ kind: 'lane.opened', lane: 1, of: 'exec', label: '' });
  // @ts-expect-error so are connections
  lane.fact({ kind: 'connection.left', connection: 1 });
  // @ts-expect-error a verdict is the gate's
  lane.fact({ kind: 'action.warned', message: '', rule: '', policyVersion: 1 });
  // @ts-expect-error what was masked is counted by the masks
  lane.fact({ kind: 'mask.applied', masked: [] });
}

/** Masks: what goes to a client went through them, or somebody says that no rule touches it. */
export function maskedFirst(): void {
  const receipt = lane.record('target', bytes);
  for (const part of mask(masking, bytes)) relay.toClient(part as Buffer & typeof part, receipt);
  relay.toClient(passUntouched(bytes), receipt);
  // @ts-expect-error bytes as they came
  relay.toClient(bytes, receipt);
  // @ts-expect-error a part of what was masked is bytes again, until somebody says whose part it is
  relay.toClient(passUntouched(bytes).subarray(1), receipt);
}

/** Law 2: nothing can be dialled without a session, and nobody enters without a proof. */
export async function provenFirst(): Promise<void> {
  // @ts-expect-error a door knows no target
  door.upstream satisfies unknown;
  const claim = { email: 'alice@example.com', resource: 'demo' };
  // @ts-expect-error a claim proves nothing
  await door.enter(claim, { client, details: {} });
  // @ts-expect-error only session/prove.ts makes a proof
  const forged: ProvenGrant = { claim, how: 'secret' };
  await door.enter(forged, { client, details: {} });
  // @ts-expect-error whoever enters says whose hanging up ends it
  await door.enter(proof, { details: {} });
}
