import { describe, expect, it } from 'vitest';
import { SpokenSsh } from './spoken-ssh.ts';

const kexinit = Buffer.from([0, 0, 5, 0xdc, 4, 20, 1, 2, 3]);
const hello = (name: string) => Buffer.concat([Buffer.from(`SSH-2.0-${name}\r\n`), kexinit]);
const spoken = (client: readonly Buffer[], target: readonly Buffer[]): boolean => {
  const ssh = new SpokenSsh();
  for (const part of client) ssh.saw('client', part);
  for (const part of target) ssh.saw('target', part);
  return ssh.spoken;
};

describe('SSH within a channel', () => {
  const client = hello('OpenSSH_9.2');
  const target = Buffer.concat([Buffer.from('$ nc 127.0.0.1 22\r\nSSH-2.0- is what it says\n'), hello('OpenSSH_10.0')]);

  it('is recognised wherever it begins and however it is cut', () => {
    expect(spoken([client], [target])).toBe(true);
    const bytes = (whole: Buffer) => Array.from(whole, (byte) => Buffer.from([byte]));
    expect(spoken(bytes(client), bytes(target))).toBe(true);
    for (let at = 0; at <= target.length; at++)
      expect(spoken([client], [target.subarray(0, at), target.subarray(at)]), `at ${at}`).toBe(true);
    const long = Buffer.concat([Buffer.alloc(600, 'x'), target, Buffer.alloc(600, 'y')]);
    for (let at = 590; at <= 700; at++)
      expect(spoken([client], [long.subarray(0, at), long.subarray(at)]), `at ${at} of more`).toBe(true);
  });

  it('is not what only names itself, or what one side alone says', () => {
    const banner = Buffer.from('SSH-2.0-OpenSSH_9.2\r\n');
    expect(spoken([banner], [banner])).toBe(false);
    expect(spoken([client], [banner])).toBe(false);
    expect(spoken([banner, Buffer.from('GET / HTTP/1.1\r\n')], [target])).toBe(false);
    expect(spoken([Buffer.from(`SSH-2.0-${'a'.repeat(300)}\n`), kexinit], [target])).toBe(false);
  });
});
