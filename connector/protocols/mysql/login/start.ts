// The first packets of a connection: our greeting, which is sent before anybody is named, TLS where the client asks for
// it, and the client's HandshakeResponse41. Of a client that asks for TLS nothing of that is believed which came before.

import type { SecureContext, TLSSocket } from 'node:tls';
import type { Refusal } from '../../../../core/refusal.ts';
import { ConnectionLost } from '../../../net/byte-reader.ts';
import { describeTls, secureServer } from '../../../net/tls-server.ts';
import type { ByteStream } from '../../../door.ts';
import { CAPABILITIES, has, OFFERED } from '../wire/capabilities.ts';
import {
  greeting,
  type HandshakeResponse,
  isSslRequest,
  readCapabilities,
  readHandshakeResponse,
} from '../wire/handshake.ts';
import { AUTH_MODE, type MysqlRefusal, TLS_REQUIRED } from '../wire/refusals.ts';
import { BadPacket } from './login-packets.ts';
import { PacketStream } from './packet-stream.ts';

export const CACHING_SHA2 = 'caching_sha2_password';

export interface Arrived {
  readonly stream: ByteStream;
  readonly packets: PacketStream;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`; undefined: plain text. */
  readonly tls: string | undefined;
  readonly response: HandshakeResponse;
}

type Started =
  | ({ readonly kind: 'arrived' } & Arrived)
  /** Closed, or out of time. */
  | { readonly kind: 'lost'; readonly stream: ByteStream; readonly atFirstByte: boolean; readonly sequence: number }
  /** `silent`: it does not speak MySQL, so no packet is sent. */
  | {
      readonly kind: 'refused';
      readonly refusal: MysqlRefusal;
      readonly silent: boolean;
      readonly stream: ByteStream;
      readonly sequence: number;
    };

interface StartOptions {
  readonly tls: SecureContext | undefined;
  readonly allowPlainText: boolean;
  readonly signal: AbortSignal;
  progressed(to: 'securing'): void;
  readonly version: string;
  readonly threadId: number;
  readonly nonce: Buffer;
}

export async function greetClient(raw: ByteStream, options: StartOptions): Promise<Started> {
  const { version, threadId, nonce, signal } = options;
  const offered = options.tls ? OFFERED | CAPABILITIES.SSL : OFFERED;
  let stream = raw;
  let tls: string | undefined;
  let packets = new PacketStream(raw, signal);
  const refuse = (
    reason: Refusal['reason'],
    message: string,
    error?: MysqlRefusal['error'],
    silent = false,
  ): Started => {
    packets.release();
    const refusal = { reason, message, ...(error && { error }) };
    return { kind: 'refused', refusal, silent, stream, sequence: packets.sequence };
  };
  try {
    packets.write(greeting({ version, threadId, nonce, capabilities: offered, plugin: CACHING_SHA2 }));
    let payload = await packets.read();
    if (options.tls && isSslRequest(payload)) {
      // The handshake follows at once: the request is not answered. Whatever came behind it has to be TLS.
      const { sequence } = packets;
      const hello = packets.release();
      if (hello.length > 0) raw.unshift(hello);
      options.progressed('securing');
      const secured: TLSSocket | undefined = await secureServer(raw, options.tls, [], signal);
      if (!secured) return { kind: 'lost', stream: raw, atFirstByte: false, sequence };
      stream = secured;
      tls = describeTls(secured);
      packets = new PacketStream(secured, signal, sequence);
      payload = await packets.read();
    }
    const capabilities = readCapabilities(payload);
    if (capabilities === undefined || !has(capabilities, 'PROTOCOL_41'))
      return refuse('bad_request', 'This client is older than MySQL 4.1, or speaks another protocol.');
    if (!tls && !options.allowPlainText)
      return refuse(
        'not_supported',
        options.tls
          ? 'Connections without TLS are not taken. Connect with --ssl-mode=REQUIRED (mysql) or --ssl (mariadb).'
          : 'Connections without TLS are not taken here, and this listener has no certificate. Tell an administrator.',
        TLS_REQUIRED,
      );
    const response = readHandshakeResponse(payload, OFFERED);
    if (!response) return refuse('bad_request', 'The login packet is not understood.');
    if (!has(response.capabilities, 'PLUGIN_AUTH') || !has(response.capabilities, 'SECURE_CONNECTION'))
      return refuse(
        'not_supported',
        `This client cannot be asked for another kind of login, and the gateway takes ${CACHING_SHA2} or mysql_clear_password. Use a newer client.`,
        AUTH_MODE,
      );
    return { kind: 'arrived', stream, packets, tls, response };
  } catch (error) {
    if (error instanceof BadPacket) return refuse('bad_request', 'This is not the MySQL protocol.', undefined, true);
    if (!(error instanceof ConnectionLost)) throw error;
    packets.release();
    return { kind: 'lost', stream, atFirstByte: !packets.heard && !tls, sequence: packets.sequence };
  }
}
