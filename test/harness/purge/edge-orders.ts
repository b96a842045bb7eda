// Orders to purge as the edge signs them, by a key of the tests.

import { holdsDigest } from '../../../core/retention/hold.ts';
import type { PurgeOrder } from '../../../core/retention/purge.ts';
import { orderText } from '../../../core/retention/purge.ts';
import { noteKey, showNote, showNoteKey, signNote } from '../../../core/tlog/note.ts';

export interface OrderSigner {
  /** `NAME+ID+KEY`. */
  readonly key: string;
  sign(place: Parameters<typeof orderText>[0], order: PurgeOrder): Promise<PurgeOrder>;
}

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;
const generateKeyPair = () =>
  crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']) as Promise<{
    readonly publicKey: Key;
    readonly privateKey: Key;
  }>;

export async function newOrderSigner(): Promise<OrderSigner> {
  const { publicKey, privateKey } = await generateKeyPair();
  const key = await noteKey(
    'edge.example/sessions',
    'log',
    new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)),
  );
  const sign = async (data: Uint8Array) =>
    new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, new Uint8Array(data)));
  return {
    key: showNoteKey(key),
    async sign(place, unsigned) {
      // As an edge without holds does.
      const order = { holds: await holdsDigest([]), ...unsigned };
      const text = orderText(place, order);
      return { ...order, note: showNote({ text, signatures: [await signNote(text, key, sign)] }) };
    },
  };
}
