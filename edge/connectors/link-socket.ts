// The edge's end of a control link's WebSocket: what stands in its attachment while its object sleeps, and sending.

import { z } from 'zod';
import { CONNECTOR_UNDERSTANDS, FromEdge } from '../../core/control.ts';
import { ConnectorStatus } from '../../core/fleet/connector-status.ts';
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
  /** It was told to stop: nothing new is sent to it. */
  draining: z.boolean().default(false),
  /** As it last said. */
  status: ConnectorStatus.optional(),
  /** When the directory heard last that it is there. */
  seenMs: z.number().default(0),
});
export type Attachment = z.infer<typeof Attachment>;

export function attachmentOf(socket: WebSocket): Attachment {
  return Attachment.parse(socket.deserializeAttachment());
}

/** A message that came after the first release is for builds that name it. */
export function isUnderstood(socket: WebSocket, { kind }: FromEdge): boolean {
  return !CONNECTOR_UNDERSTANDS.includes(kind) || attachmentOf(socket).understands.includes(kind);
}

/** False: nobody is there to be told. */
export function send(socket: WebSocket, message: FromEdge): boolean {
  if (socket.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(z.encode(FromEdge, message)));
  return true;
}
