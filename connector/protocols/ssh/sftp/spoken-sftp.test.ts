import { expect, it } from 'vitest';
import { fieldsOf, sshMessage } from '../wire/messages.ts';
import type { FileFact } from './file-facts.ts';
import { SpokenSftp } from './spoken-sftp.ts';

const packet = (...message: Parameters<typeof sshMessage>): Buffer => fieldsOf(sshMessage(...message));
const INIT = packet(1, 3, 'an extension', 'of the client');
const VERSION = packet(2, 3);
const REMOVAL = packet(13, 7, '/etc/motd');
const DONE = packet(101, 7, 0, '', '');

function speak(form: 'subsystem' | 'exec') {
  const facts: FileFact[] = [];
  const sftp = new SpokenSftp(form, { tell: (fact) => void facts.push(fact), nextAction: () => 2, elapsedUs: () => 0 });
  return { sftp, facts };
}

it('a command’s SFTP is known wherever its beginning is cut', () => {
  const said = Buffer.concat([INIT, REMOVAL]);
  for (let cut = 0; cut <= said.length; cut++) {
    const { sftp, facts } = speak('exec');
    for (const part of [said.subarray(0, cut), said.subarray(cut)]) expect(sftp.fromClient(part)).toBeUndefined();
    expect(sftp.fromTarget(Buffer.concat([VERSION, DONE]))).toBeUndefined();
    expect(facts, String(cut)).toMatchObject([{ operation: 'remove', path: '/etc/motd' }]);
    expect(sftp.note).toBeUndefined();
  }
});

it('what begins otherwise, or is answered before it has begun, is none', () => {
  for (let at = 0; at < 9; at++) {
    if (at === 3) continue;
    const other = Buffer.concat([INIT, REMOVAL]);
    other.writeUInt8(other.readUInt8(at) ^ 4, at);
    const { sftp, facts } = speak('exec');
    for (const byte of other) expect(sftp.fromClient(Buffer.from([byte]))).toBeUndefined();
    expect(sftp.fromTarget(Buffer.from('whatever'))).toBeUndefined();
    sftp.end();
    expect([facts, sftp.note]).toEqual([[], undefined]);
  }
  const { sftp, facts } = speak('exec');
  sftp.fromClient(INIT.subarray(0, 5));
  sftp.fromTarget(Buffer.from('Welcome'));
  sftp.fromClient(Buffer.concat([INIT.subarray(5), REMOVAL]));
  sftp.end();
  expect([facts, sftp.note]).toEqual([[], undefined]);
});

it('what cannot be followed ends the subsystem, and of a command is told no more', () => {
  const wrong = packet(99, 1);
  const subsystem = speak('subsystem').sftp;
  expect(subsystem.fromClient(Buffer.concat([INIT, wrong]))).toContain('packet type 99');
  expect(subsystem.note).toBeUndefined();
  const { sftp, facts } = speak('exec');
  expect(sftp.fromClient(Buffer.concat([INIT, REMOVAL, wrong]))).toBeUndefined();
  expect(sftp.note).toContain('packet type 99');
  expect(facts).toMatchObject([{ operation: 'remove', unanswered: true }]);
  expect([sftp.fromTarget(VERSION), sftp.full]).toEqual([undefined, false]);
});
