// The first packets of a connection, before anybody is named: TLS, GSS encryption, a CancelRequest,
// or the StartupMessage. At most MAX_STARTUP_BYTES are read of any, and what a length declares
// never allocates.
//
//   int32 length | int32 code or version | rest          the length counts itself
//   0x16 ...                                              a TLS ClientHello: sslnegotiation=direct

import { isUtf8 } from 'node:buffer';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Refusal } from '../../../../core/refusal.ts';
import { ByteReader, ConnectionLost } from '../../../net/byte-reader.ts';
import { ownEndPoint } from '../../../sasl/channel-binding.ts';
import { describeTls, secureServer } from '../../../net/tls-server.ts';
import type { ByteStream } from '../../../door.ts';
import {
  CANCEL_REQUEST,
  GSSENC_REQUEST,
  MAX_STARTUP_BYTES,
  readStartupParameters,
  SSL_REQUEST,
} from '../wire/messages.ts';

const TLS_HANDSHAKE = 0x16;
const ALPN = 'postgresql';
/** Process id and the longest secret of 3.2. */
const MAX_CANCEL_BYTES = 12 + 256;

export interface Transport {
  /** The connection itself, or TLS over it. */
  readonly stream: ByteStream;
  readonly reader: ByteReader;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384` */
  readonly tls: string | undefined;
  /** tls-server-end-point of our certificate. */
  readonly binding: Buffer | undefined;
}

export type Start =
  | {
      readonly kind: 'startup';
      readonly version: number;
      readonly parameters: Map<string, string>;
      readonly transport: Transport;
    }
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: Buffer; readonly transport: Transport }
  /** Closed, or out of time: see ConnectionLost. */
  | { readonly kind: 'lost'; readonly stream: ByteStream; readonly atFirstByte: boolean }
  /** `silent`: it does not speak PostgreSQL, so no error message is sent. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly silent: boolean; readonly stream: ByteStream };

interface StartOptions {
  readonly tls: SecureContext | undefined;
  readonly allowPlainText: boolean;
  readonly signal: AbortSignal;
  progressed(to: 'securing'): void;
}

export async function readStart(raw: ByteStream, options: StartOptions): Promise<Start> {
  let transport: Transport = {
    stream: raw,
    reader: new ByteReader(raw, options.signal),
    tls: undefined,
    binding: undefined,
  };
  let askedForTls = false;
  let askedForGss = false;
  let packets = 0;
  const refuse = (message: string, reason: Refusal['reason'] = 'bad_request', silent = false): Start => {
    transport.reader.release();
    return { kind: 'refused', refusal: { reason, message }, silent, stream: transport.stream };
  };
  const notPostgres = () => refuse('This is not the PostgreSQL protocol.', 'bad_request', true);
  try {
    for (;;) {
      const [first] = await transport.reader.take(1);
      packets++;
      if (first === TLS_HANDSHAKE && packets === 1 && options.tls) {
        raw.unshift(Buffer.concat([Buffer.of(TLS_HANDSHAKE), transport.reader.release()]));
        options.progressed('securing');
        const secured = await secure(raw, options.tls, options.signal);
        if (!secured) return { kind: 'lost', stream: raw, atFirstByte: false };
        transport = secured;
        askedForTls = true;
        if ((secured.stream as TLSSocket).alpnProtocol !== ALPN)
          return refuse('A direct TLS connection must name the protocol "postgresql" (ALPN).');
        continue;
      }
      const length = Buffer.concat([Buffer.of(first ?? 0), await transport.reader.take(3)]).readUInt32BE(0);
      if (length < 8 || length > MAX_STARTUP_BYTES) return notPostgres();
      const packet = await transport.reader.take(length - 4);
      const code = packet.readInt32BE(0);

      if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
        const repeated = code === SSL_REQUEST ? askedForTls : askedForGss;
        if (length !== 8 || repeated || (code === GSSENC_REQUEST && transport.tls !== undefined)) return notPostgres();
        // What came behind the request was sent before the answer, so anybody may have put it there (CVE-2021-23214).
        if (transport.reader.unread > 0) return refuse('Data came behind the request for encryption.');
        if (code === GSSENC_REQUEST) askedForGss = true;
        else askedForTls = true;
        if (code === GSSENC_REQUEST || !options.tls) {
          transport.stream.write('N');
          continue;
        }
        transport.reader.release();
        options.progressed('securing');
        raw.write('S');
        const secured = await secure(raw, options.tls, options.signal);
        if (!secured) return { kind: 'lost', stream: raw, atFirstByte: false };
        transport = secured;
        continue;
      }

      if (code === CANCEL_REQUEST) {
        if (length < 16 || length > MAX_CANCEL_BYTES) return notPostgres();
        return { kind: 'cancel', pid: packet.readInt32BE(4), secret: Buffer.from(packet.subarray(8)), transport };
      }

      if (code >>> 16 !== 3) {
        if (code >>> 16 === 2 || code >>> 16 === 4)
          return refuse('Only version 3 of the PostgreSQL protocol is supported.', 'not_supported');
        return notPostgres();
      }
      if (!transport.tls && !options.allowPlainText)
        return refuse(
          'This gateway takes connections inside TLS only. Connect with sslmode=require or better.',
          'not_supported',
        );
      if (!isUtf8(packet.subarray(4)))
        return refuse('The start-up packet is not UTF-8: give names of user and database, and settings, in UTF-8.');
      const parameters = readStartupParameters(packet.subarray(4));
      if (!parameters) return refuse('The start-up packet is malformed.');
      return { kind: 'startup', version: code, parameters, transport };
    }
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    transport.reader.release();
    return { kind: 'lost', stream: transport.stream, atFirstByte: packets === 0 };
  }
}

/** TLS over the stream, where we are the server. Undefined when the handshake fails; both are destroyed then. */
async function secure(raw: ByteStream, context: SecureContext, signal: AbortSignal): Promise<Transport | undefined> {
  const stream = await secureServer(raw, context, [ALPN], signal);
  return (
    stream && {
      stream,
      reader: new ByteReader(stream, signal),
      tls: describeTls(stream),
      binding: ownEndPoint(stream),
    }
  );
}
