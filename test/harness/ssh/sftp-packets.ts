// SFTP version 3 by hand: its packets, and a reader that listens to them.

import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { FileFact } from '../../../connector/protocols/ssh/sftp/file-facts.ts';
import { SftpReader } from '../../../connector/protocols/ssh/sftp/sftp-reader.ts';
import { fieldsOf, sshMessage } from '../../../connector/protocols/ssh/wire/messages.ts';

export const packet = (...message: Parameters<typeof sshMessage>): Buffer => fieldsOf(sshMessage(...message));
export const INIT = packet(1, 3);
export const VERSION = packet(2, 3, 'posix-rename@openssh.com', '1');
export const u64 = (value: number): [number, number] => [Math.floor(value / 2 ** 32), value % 2 ** 32];
export const open = (id: number, path: string | Buffer, flags: number): Buffer => packet(3, id, path, flags, 0);
export const close = (id: number, handle: string): Buffer => packet(4, id, handle);
export const read = (id: number, handle: string, offset: number, length: number): Buffer =>
  packet(5, id, handle, ...u64(offset), length);
export const write = (id: number, handle: string, offset: number, content: Buffer): Buffer =>
  packet(6, id, handle, ...u64(offset), content);
export const status = (id: number, code: number, words = ''): Buffer => packet(101, id, code, words, '');
export const handle = (id: number, name: string): Buffer => packet(102, id, name);
export const data = (id: number, content: Buffer): Buffer => packet(103, id, content);
export const [READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE] = [1, 2, 4, 8, 16, 32] as const;
export const NEW: number = WRITE | CREATE | TRUNCATE;

export const sha256 = (...parts: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest('hex');
export const block = (letter: string, length = 1000) => Buffer.alloc(length, letter);

/** In turn: `>` from the client, `<` from the target. */
export type Said = readonly (readonly ['>' | '<', Buffer])[];

export function listen(cut: (bytes: Buffer) => readonly Buffer[] = (bytes) => [bytes]) {
  const facts: FileFact[] = [];
  let action = 1;
  const reader = new SftpReader({
    tell: (fact) => void facts.push(fact),
    nextAction: () => ++action,
    elapsedUs: () => 0,
  });
  const take = (said: Said): string | undefined => {
    for (const [way, bytes] of said)
      for (const part of cut(bytes)) {
        const fault = way === '>' ? reader.fromClient(part) : reader.fromTarget(part);
        // What was taken is used again.
        part.fill(0xee);
        if (fault !== undefined) return fault;
      }
    return undefined;
  };
  return {
    reader,
    facts,
    take,
    begun: () =>
      void take([
        ['>', Buffer.from(INIT)],
        ['<', Buffer.from(VERSION)],
      ]),
  };
}

/** Of a conversation behind the versions. */
export function factsOf(said: Said): readonly FileFact[] {
  const { facts, take, begun } = listen();
  begun();
  expect(take(said.map(([way, bytes]) => [way, Buffer.from(bytes)]))).toBeUndefined();
  return facts;
}
