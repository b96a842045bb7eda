// A key exchange that the library ssh2 does not have, within its own state machine. It makes an exchange for names that
// it knows and fails for others, so it is told ours by a name that is never offered: in the lists that it compares, not
// in those that go over the wire or into the exchange's hash. What it makes for that name is then given our arithmetic.

import { FieldReader, fieldsOf, Malformed } from './messages.ts';
import { hybridClient, hybridServer } from './mlkem-exchange.ts';

export const HYBRID_KEX = 'mlkem768x25519-sha256';
/** A group that no OpenSSH offers, and that is not taken from who does. */
const STAND_IN = 'diffie-hellman-group15-sha512';

const KEXINIT = 20;
/** byte | 16 bytes cookie | name-list of key exchanges | further lists */
const LISTS_AT = 17;

/** ssh2/lib/protocol/kex.js, as far as it is used: one exchange. */
interface LibraryExchange {
  readonly negotiated: { kex: string };
  hashName: string;
  /** As it came, for the hash. */
  _remoteKexinit: Buffer;
  generateKeys(): void;
  getPublicKey(): Buffer;
  convertPublicKey(key: Buffer): Buffer;
  /** Gives an Error instead of throwing one. */
  computeSecret(received: Buffer): Buffer | Error;
}

interface LibraryKeyExchanges {
  readonly _server: boolean;
  readonly _offer: { readonly lists: { readonly kex: { array: readonly string[] } } };
  _kex: unknown;
}

/** Makes the library take HYBRID_KEX where it is offered. Every KEXINIT that comes goes through what it gives. */
export function takeHybrid(library: object): (payload: Buffer) => Buffer {
  const protocol = library as LibraryKeyExchanges;
  const { kex } = protocol._offer.lists;
  kex.array = kex.array.map((name) => (name === HYBRID_KEX ? STAND_IN : name));
  let came: Buffer = Buffer.alloc(0);
  let current: unknown = protocol._kex;
  Object.defineProperty(protocol, '_kex', {
    get: () => current,
    set(next: LibraryExchange | undefined) {
      if (next) next._remoteKexinit = came;
      if (next?.negotiated.kex === STAND_IN) adopt(next, protocol._server);
      current = next;
    },
  });
  return (payload) => {
    if (payload[0] !== KEXINIT) return payload;
    came = payload;
    return withStandIn(payload);
  };
}

function adopt(exchange: LibraryExchange, isServer: boolean): void {
  const side = isServer ? hybridServer() : hybridClient();
  exchange.negotiated.kex = HYBRID_KEX;
  exchange.hashName = 'sha256';
  exchange.generateKeys = () => {};
  exchange.getPublicKey = () => side.sent;
  exchange.convertPublicKey = (key) => key;
  exchange.computeSecret = (received) => {
    try {
      return side.agree(received);
    } catch (error) {
      return error as Error;
    }
  };
}

/** As the library is to read it. */
function withStandIn(payload: Buffer): Buffer {
  try {
    const reader = new FieldReader(payload, LISTS_AT);
    const names = reader.text().split(',');
    const understood = names.filter((name) => name !== STAND_IN).map((name) => (name === HYBRID_KEX ? STAND_IN : name));
    return Buffer.concat([payload.subarray(0, LISTS_AT), fieldsOf(understood.join(',')), reader.rest()]);
  } catch (error) {
    // The library says so.
    if (!(error instanceof Malformed)) throw error;
    return payload;
  }
}
