// The edge's end of a control link's WebSocket: what stands in its attachment while its object sleeps, and sending.

import { z } from 'zod';
import { FromEdge } from '../../core/control.ts';
import { ConnectorId } from '../../core/ids.ts';

export const Attachment = z.object({
  connector: z.object({ id: ConnectorId, name: z.string() }),
  state: z.enum(['greeting', 'ready', 'replaced']),
  openedMs: z.number(),
  /** Which of the connector's links it is. */
  link: z.string().default(''),
  /** Of the policy that it was told last. */
  toldVersion: z.number().int().default(0),
  /** As its hello says. */
  understands: z.array(z.string()).default([]),
});
export type Attachment = z.infer<typeof Attachment>;

export function attachmentOf(socket: WebSocket): Attachment {
  return Attachment.parse(socket.deserializeAttachment());
}

/** False: nobody is there to be told. */
export function send(socket: WebSocket, message: FromEdge): boolean {
  if (socket.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(z.encode(FromEdge, message)));
  return true;
}
