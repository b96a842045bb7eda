// Orders to purge, tickets for requests, and connectors' keys as the edge signs them, by a key of the tests.

import { type ConnectorKeys, keysText } from '../../../core/connectors/connector-keys.ts';
import { LOOK_TICKET_HEADER, makeLookTicket } from '../../../core/tlog/look-ticket.ts';
import { holdsDigest } from '../../../core/retention/hold.ts';
import type { PurgeOrder } from '../../../core/retention/purge.ts';
import { orderText } from '../../../core/retention/purge.ts';
import { noteKey, showNote, showNoteKey, signNote } from '../../../core/tlog/note.ts';

export interface OrderSigner {
  /** `NAME+ID+KEY`. */
  readonly key: string;
  signKeys(keys: ConnectorKeys): Promise<string>;
  sign(place: Parameters<typeof orderText>[0], order: PurgeOrder): Promise<PurgeOrder>;
  /** The headers of a request to the functions. */
  look(url: string, method?: string, body?: string, atMs?: number): Promise<Record<string, string>>;
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
    async look(url, method = 'GET', body = '', atMs = Date.now()) {
      const look = { method, url: new URL(url), body: new TextEncoder().encode(body) };
      return { [LOOK_TICKET_HEADER]: await makeLookTicket(look, atMs, { key, sign }) };
    },
    async signKeys(keys) {
      const text = keysText(keys);
      return showNote({ text, signatures: [await signNote(text, key, sign)] });
    },
    async sign(place, unsigned) {
      // As an edge without holds does.
      const order = { holds: await holdsDigest([]), ...unsigned };
      const text = orderText(place, order);
      return { ...order, note: showNote({ text, signatures: [await signNote(text, key, sign)] }) };
    },
  };
}
