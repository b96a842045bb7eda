// A connector's connection to the relay of one tunnel.

import https from 'node:https';
import WebSocket from 'ws';
import type { TunnelId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { proxyNote } from '../../core/tunnel/proxy-settings.ts';
import { MAX_CHANNEL_MESSAGE_BYTES } from '../../core/tunnel/channel-messages.ts';
import type { ConnectFault, RelaySocket, SocketEvents } from '../../core/tunnel/tunnel-end.ts';
import { causeOf } from '../control/edge-http.ts';

/** A proxy has five seconds of it, by Node's own deadline, which says that it was the proxy. */
const CONNECT_WITHIN_MS = 10_000;
/** It will say the same again. */
const FINAL = [401, 403, 404];

/** `edge`: its origin. `authorization`: as for its control link, good once. */
export function dialRelay(
  edge: string,
  tunnel: TunnelId,
  authorization: string,
  events: SocketEvents,
  withinMs = CONNECT_WITHIN_MS,
): Promise<Result<RelaySocket, ConnectFault>> {
  const socket = new WebSocket(`${edge.replace(/^http/, 'ws')}/connectors/tunnels/${tunnel}`, {
    headers: { authorization },
    maxPayload: MAX_CHANNEL_MESSAGE_BYTES,
    // It knows the proxy, where there is one.
    agent: edge.startsWith('https:') ? https.globalAgent : undefined,
    perMessageDeflate: false,
    followRedirects: false,
  });
  return new Promise((resolve) => {
    const deadline = setTimeout(() => {
      resolve(err({ final: false, message: `the relay did not answer in time${proxyNote(https.globalAgent)}` }));
      socket.terminate();
    }, withinMs);
    socket.once('unexpected-response', (_request, { statusCode = 0 }) => {
      resolve(err({ final: FINAL.includes(statusCode), message: `the edge answered ${statusCode}` }));
      socket.terminate();
    });
    socket.on('message', (data: Buffer, isBinary) => events.message(isBinary ? data : data.toString('utf8')));
    socket.once('close', (code, reason) => {
      clearTimeout(deadline);
      events.closed(code, reason.toString('utf8'));
    });
    socket.on('error', (error) => resolve(err({ final: false, message: causeOf(error) })));
    socket.once('open', () => {
      clearTimeout(deadline);
      resolve(ok(socket));
    });
  });
}
