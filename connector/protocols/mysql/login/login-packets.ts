// Packets of a login: one at a time, with the numbers that are due. At a connection's beginning they come from its
// stream (packet-stream.ts), in a session's COM_CHANGE_USER from what the session reads (session/exchange.ts).

/** A login packet is longer, or its number is not the one that is due: it is not MySQL, or not understood. */
export class BadPacket extends Error {}

/** Names, an answer and attributes of at most 64 KiB. */
export const MAX_LOGIN_PACKET_BYTES = 72 * 1024;

export interface LoginPackets {
  /** The next payload. Rejects with ConnectionLost, or BadPacket. */
  read(maxBytes?: number): Promise<Buffer>;
  /** One payload. */
  write(...parts: readonly (Uint8Array | string | number)[]): void;
}
