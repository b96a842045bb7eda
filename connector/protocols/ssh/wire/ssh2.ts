// What is used of the library ssh2 (1.17), and the one file that knows its insides: the binary packet protocol and the key
// exchange (RFC 4253). Everything above (authentication, channels) is ours, on raw payloads: the library's own makes
// strings of commands, drops data at a close, and knows SFTP as an object only.

import { createRequire } from 'node:module';
import ssh2, { type ParsedKey } from 'ssh2';
import { certificateType } from '../../../../core/ssh/certificate.ts';
import { HYBRID_KEX, takeHybrid } from './hybrid-kex.ts';

interface Negotiated {
  readonly kex: string;
  serverHostKey: string;
  readonly cs: { readonly cipher: string };
  readonly sc: { readonly cipher: string };
}

/** ssh2/lib/protocol/Protocol.js, as far as it is used. */
interface LibraryProtocol {
  start(): void;
  /** Throws for what cannot be read. */
  parse(chunk: Buffer, from: number, to: number): void;
  rekey(): void;
  cleanup(): void;
  /** Takes each payload that comes, outside of a key exchange. */
  _onPayload(payload: Buffer): unknown;
  /** And within one. */
  readonly _decipher: { _onPayload(payload: Buffer): unknown };
  /** Present while keys are exchanged. */
  readonly _kexinit: Buffer | undefined;
  readonly _kex: { readonly sessionID: Buffer; readonly negotiated: Negotiated } | undefined;
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number;
      readonly allocStartKEX: number;
      alloc(length: number, force?: boolean): Buffer;
      finalize(packet: Buffer, force?: boolean): Buffer;
    };
  };
}

interface Offer {
  readonly kex: readonly string[];
  readonly serverHostKey: readonly string[];
  readonly cs: OfferOneWay;
  readonly sc: OfferOneWay;
}
interface OfferOneWay {
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
  readonly compress: readonly string[];
  readonly lang: readonly string[];
}

/** All that it asks of one. */
type HostKeyOfLibrary = Pick<ParsedKey, 'type' | 'getPublicSSH' | 'sign'>;

interface ProtocolOptions {
  readonly server: boolean;
  readonly hostKeys?: Readonly<Record<string, HostKeyOfLibrary>>;
  /** The key as it is on the wire. */
  readonly hostVerifier?: (key: Buffer) => boolean;
  readonly ident: string;
  readonly offer: Offer;
  readonly onWrite: (bytes: Buffer) => void;
  readonly onError: (error: Error) => void;
  /** Its version line came; what follows goes to `_decipher`. */
  readonly onHeader: () => void;
  readonly onHandshakeComplete: () => void;
  readonly messageHandlers: Readonly<Record<string, (...given: never[]) => void>>;
}

const require = createRequire(import.meta.url);
const LibraryProtocol = require('ssh2/lib/protocol/Protocol.js') as new (options: ProtocolOptions) => LibraryProtocol;
const library = require('ssh2/lib/protocol/utils.js') as {
  sendPacket(protocol: LibraryProtocol, packet: Buffer, evenInKeyExchange?: boolean): boolean;
  convertSignature(signature: Buffer, type: string): Buffer | false;
};

/** Without its addon the library encrypts a quarter as fast, and says nothing of it. */
export const { bindingAvailable: hasAddon } = require('ssh2/lib/protocol/crypto.js') as { bindingAvailable: boolean };

const ONE_WAY: OfferOneWay = {
  // GCM first: with the addon it is the fastest by far.
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
  ],
  mac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  // Compressed bytes could not be recorded as they are.
  compress: ['none'],
  lang: [],
};

/** As a current OpenSSH offers, without what rests on SHA-1. The library adds strict key exchange (Terrapin). */
const offer = (serverHostKey: readonly string[]): Offer => ({
  kex: [
    HYBRID_KEX,
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
  ],
  serverHostKey,
  cs: ONE_WAY,
  sc: ONE_WAY,
});

const HOST_KEY_ALGORITHMS: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

export type LibrarySide =
  /** `certificate`: of the host key, as it is on the wire; shown to clients that prefer one. */
  | { readonly of: 'server'; readonly hostKey: ParsedKey; readonly certificate?: Uint8Array | undefined }
  /** `preferred`: the type of the key that the other side should show. */
  | { readonly of: 'client'; readonly preferred: readonly string[]; readonly verify: (key: Buffer) => boolean };

interface PacketEvents {
  write(bytes: Buffer): void;
  /** A message that is not the transport's own: authentication, connection, or unknown. The payload is the receiver's. */
  payload(payload: Buffer): void;
  /** After each key exchange. */
  keysExchanged(): void;
  disconnected(words: string): void;
  /** The library gives up. */
  failed(error: Error): void;
}

/** Highest number of the transport's own messages (RFC 4250 section 4.1.1). */
const LAST_TRANSPORT_MESSAGE = 49;
const SERVICE_REQUEST = 5;
const SERVICE_ACCEPT = 6;

/** The packets of one connection. */
export class Packets {
  readonly #protocol: LibraryProtocol;

  constructor(side: LibrarySide, events: PacketEvents) {
    const hostKeys = side.of === 'server' ? this.#hostKeys(side.hostKey, side.certificate) : {};
    this.#protocol = new LibraryProtocol({
      server: side.of === 'server',
      ...(side.of === 'server' ? { hostKeys } : { hostVerifier: (key) => side.verify(key) }),
      ident: 'Gatehouse',
      offer: offer(side.of === 'server' ? Object.keys(hostKeys) : byPreference(side.preferred)),
      onWrite: (bytes) => events.write(bytes),
      onError: (error) => events.failed(error),
      onHeader: () => {
        const { _decipher: first } = this.#protocol;
        const take = first._onPayload;
        first._onPayload = (payload) => take(readable(payload));
      },
      onHandshakeComplete: () => events.keysExchanged(),
      messageHandlers: {
        DISCONNECT: ((_self: unknown, _reason: number, words: string) => events.disconnected(words)) as never,
      },
    });
    const readable = takeHybrid(this.#protocol);
    const own = this.#protocol._onPayload;
    this.#protocol._onPayload = (payload) => {
      const type = payload[0] ?? 0;
      if (payload.length === 0) return undefined;
      if (type <= LAST_TRANSPORT_MESSAGE && type !== SERVICE_REQUEST && type !== SERVICE_ACCEPT)
        return own(readable(payload));
      events.payload(payload);
      return undefined;
    };
  }

  /** By algorithm, the preferred one first. */
  #hostKeys(key: ParsedKey, certificate: Uint8Array | undefined): Record<string, HostKeyOfLibrary> {
    const plain = { [key.type]: key };
    if (!certificate) return plain;
    const blob = Buffer.from(certificate);
    const certified: HostKeyOfLibrary = {
      type: key.type,
      getPublicSSH: () => blob,
      sign: (data) => {
        // A signature is of the key's algorithm, and never of the certificate's (PROTOCOL.certkeys). The library names what was
        // negotiated, and looks for it right after this.
        const negotiated = this.#protocol._kex?.negotiated;
        if (negotiated) negotiated.serverHostKey = key.type;
        return key.sign(data);
      },
    };
    return { [certificateType(key.type)]: certified, ...plain };
  }

  start(): void {
    this.#protocol.start();
  }

  /** Throws for what cannot be read. */
  take(chunk: Buffer): void {
    this.#protocol.parse(chunk, 0, chunk.length);
  }

  /** What is sent meanwhile waits in memory. */
  get exchangingKeys(): boolean {
    return this.#protocol._kexinit !== undefined;
  }

  get sessionId(): Buffer {
    return this.#protocol._kex?.sessionID ?? Buffer.alloc(0);
  }

  /** `curve25519-sha256 aes128-gcm@openssh.com`. */
  get algorithms(): string {
    const negotiated = this.#protocol._kex?.negotiated;
    return negotiated ? `${negotiated.kex} ${negotiated.cs.cipher}` : '';
  }

  /** `fill` writes `length` bytes of payload at `start`. */
  send(length: number, fill: (packet: Buffer, start: number) => void, evenInKeyExchange = false): void {
    const { write } = this.#protocol._packetRW;
    const packet = write.alloc(length, evenInKeyExchange);
    fill(packet, evenInKeyExchange ? write.allocStartKEX : write.allocStart);
    library.sendPacket(this.#protocol, write.finalize(packet, evenInKeyExchange), evenInKeyExchange);
  }

  exchangeKeysAnew(): void {
    this.#protocol.rekey();
  }

  free(): void {
    this.#protocol.cleanup();
  }
}

const byPreference = (preferred: readonly string[]): readonly string[] => [
  ...HOST_KEY_ALGORITHMS.filter((one) => preferred.includes(one)),
  ...HOST_KEY_ALGORITHMS.filter((one) => !preferred.includes(one)),
];

/** A private key in OpenSSH's or PEM form, without a passphrase. */
export function parsePrivateKey(text: string): ParsedKey | undefined {
  const parsed = ssh2.utils.parseKey(text);
  const [key] = Array.isArray(parsed) ? parsed : [parsed];
  return key === undefined || key instanceof Error || !key.isPrivateKey() ? undefined : key;
}

/** As RFC 4253 section 6.6 has it inside the outer string; undefined: the key cannot sign so. */
export function signWith(key: ParsedKey, data: Buffer, algorithm: string): Buffer | undefined {
  const hash = algorithm === 'rsa-sha2-512' ? 'sha512' : algorithm === 'rsa-sha2-256' ? 'sha256' : undefined;
  const signature: Buffer | Error = hash === undefined ? key.sign(data) : key.sign(data, hash);
  if (signature instanceof Error) return undefined;
  return library.convertSignature(signature, key.type) || undefined;
}

export type { ParsedKey };

/** In OpenSSH's form. */
export function newEd25519Key(): string {
  // The library drops zeros at the beginning of the public half: one key in 256 is written so that nothing can read it.
  for (;;) {
    const { private: text } = ssh2.utils.generateKeyPairSync('ed25519');
    if (parsePrivateKey(text)?.getPublicSSH().length === ED25519_PUBLIC_BYTES) return text;
  }
}

/** string `ssh-ed25519` | string of 32 bytes (RFC 8709 section 4) */
const ED25519_PUBLIC_BYTES = 4 + 11 + 4 + 32;
