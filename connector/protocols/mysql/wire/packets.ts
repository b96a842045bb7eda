// MySQL framing: a payload travels in packets of at most 2^24 - 1 bytes.
//
//   int<3> length | int<1> sequence number | payload        little-endian, the length counts the payload alone
//
// A payload of 2^24 - 1 bytes or more goes on in the next packet, which is empty where nothing is left. Numbers
// count from 0 with each command, over both directions, and wrap around.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html

export const PACKET_HEADER_BYTES = 4;
/** A packet as long as this is followed by another one of the same payload. */
export const FULL_PACKET_BYTES = 0xffffff;

/** At `at`: the three bytes of a packet's length. */
export const lengthAt = (b: Uint8Array, at: number): number =>
  (b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16);

/** One payload as packets, the first with this number. */
export function packet(sequence: number, ...parts: readonly (Uint8Array | string | number)[]): Buffer {
  const payload = Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? Buffer.of(part) : typeof part === 'string' ? Buffer.from(part) : part,
    ),
  );
  const packets: Buffer[] = [];
  let next = sequence;
  for (let at = 0; ; at += FULL_PACKET_BYTES) {
    const share = payload.subarray(at, at + FULL_PACKET_BYTES);
    packets.push(header(share.length, next++), share);
    if (share.length < FULL_PACKET_BYTES) return Buffer.concat(packets);
  }
}

function header(length: number, sequence: number): Buffer {
  const bytes = Buffer.alloc(PACKET_HEADER_BYTES);
  bytes.writeUIntLE(length, 0, 3);
  bytes[3] = sequence & 255;
  return bytes;
}
