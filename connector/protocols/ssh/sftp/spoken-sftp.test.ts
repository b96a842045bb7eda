import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  close,
  handle,
  INIT,
  NEW,
  open,
  packet,
  READ,
  status,
  VERSION,
  write,
} from '../../../../test/harness/ssh/sftp-packets.ts';
import type { FileFact } from './file-facts.ts';
import { type SpokenDeps, SpokenSftp } from './spoken-sftp.ts';

const REMOVAL = packet(13, 7, '/etc/motd');
const DONE = packet(101, 7, 0, '', '');
const REMOVED = [{ operation: 'remove', path: '/etc/motd' }];

function speak(how: Partial<Pick<SpokenDeps, 'subsystem' | 'terminal' | 'masked'>> = {}) {
  const facts: FileFact[] = [];
  const sftp = new SpokenSftp({
    ...{ subsystem: false, terminal: false, masked: false, digestsAlone: () => false, ...how },
    ...{ tell: (fact: FileFact) => void facts.push(fact), nextAction: () => 2, elapsedUs: () => 0 },
  });
  return { sftp, facts, notes: () => [...sftp.notes] };
}

describe('SFTP within a command or a shell', () => {
  it('keys that follow it are no packets, from the first of them on', () => {
    const { sftp } = speak({ terminal: true });
    const asked = open(1, '/tmp/x', NEW);
    expect(sftp.arePackets(INIT)).toBe(false);
    sftp.fromClient(INIT);
    sftp.fromTarget(VERSION);
    expect(sftp.arePackets(asked)).toBe(true);
    sftp.fromClient(asked.subarray(0, 6));
    expect(sftp.arePackets(asked.subarray(6))).toBe(true);
    sftp.fromClient(asked.subarray(6));
    expect(sftp.arePackets(Buffer.from('rm -r x\r'))).toBe(false);
  });

  it.each([
    ['at its first byte', '', ''],
    ['behind an odd byte of the target', '', 'x'],
    ['behind what was typed and printed', 'stty raw -echo; exec sftp-server\n', 'user@web:~$ \0\0'],
    ['behind what looks like a beginning', '\0\0\0\x05\x01\0\0\0\x03 and more', '\0\0\0\x05\x01'],
  ])('is known %s, wherever it is cut', (_, typed, printed) => {
    const before = Buffer.from(typed, 'latin1');
    const said = Buffer.concat([before, INIT]);
    const answered = Buffer.concat([Buffer.from(printed, 'latin1'), VERSION]);
    for (let cut = 0; cut <= said.length; cut++)
      for (let answerCut = 0; answerCut <= answered.length; answerCut += 3) {
        const { sftp, facts, notes } = speak();
        for (const part of [said.subarray(0, cut), said.subarray(cut)]) expect(sftp.fromClient(part)).toBeUndefined();
        expect(sftp.following).toBe(false);
        for (const part of [answered.subarray(0, answerCut), answered.subarray(answerCut)])
          expect(sftp.fromTarget(part)).toBeUndefined();
        expect(sftp.following).toBe(true);
        sftp.fromClient(REMOVAL);
        sftp.fromTarget(DONE);
        sftp.end();
        expect(facts, `${cut} ${answerCut}`).toMatchObject(REMOVED);
        expect(notes()).toEqual([]);
      }
  });

  it('of a client that does not wait is told all the same, and at a terminal what is hidden of it is noted', () => {
    for (const terminal of [false, true]) {
      const { sftp, facts, notes } = speak({ terminal });
      sftp.fromClient(Buffer.concat([Buffer.from('x'), INIT, REMOVAL]));
      sftp.fromTarget(Buffer.concat([VERSION, DONE]));
      expect(facts).toMatchObject(REMOVED);
      expect(notes()).toEqual(terminal ? [expect.stringContaining('before SFTP was answered')] : []);
    }
  });

  it('is told again where another server is started behind one', () => {
    const { sftp, facts, notes } = speak();
    for (let count = 0; count < 2; count++) {
      sftp.fromClient(INIT);
      sftp.fromTarget(VERSION);
      sftp.fromClient(REMOVAL);
      sftp.fromTarget(DONE);
    }
    expect(facts).toMatchObject([...REMOVED, ...REMOVED]);
    expect(notes()).toEqual([expect.stringContaining('packet type 1')]);
  });

  it('is over with the first letter that is typed behind it', () => {
    const { sftp, notes } = speak({ terminal: true });
    sftp.fromClient(INIT);
    sftp.fromTarget(VERSION);
    sftp.fromClient(Buffer.from('s'));
    expect(sftp.following).toBe(false);
    expect(notes()).toHaveLength(1);
  });

  it('whose client’s beginning was not found is noted', () => {
    for (const said of [packet(1, 99), Buffer.concat([INIT, Buffer.alloc(200_000, 'x')])]) {
      const { sftp, facts, notes } = speak();
      sftp.fromClient(Buffer.concat([Buffer.from('x'), said]));
      sftp.fromTarget(VERSION);
      sftp.fromClient(REMOVAL);
      sftp.fromTarget(DONE);
      sftp.end();
      expect([facts, sftp.following]).toEqual([[], false]);
      expect(notes()).toEqual([expect.stringContaining('first packet was not found')]);
    }
  });

  it('that nobody answers is told as that: a server may write its answers elsewhere', () => {
    const { sftp, facts, notes } = speak();
    sftp.fromClient(Buffer.concat([Buffer.from('x'), INIT, REMOVAL]));
    sftp.fromTarget(Buffer.from('whatever'));
    sftp.end();
    expect(facts).toMatchObject([{ ...REMOVED[0], unanswered: true }]);
    expect(notes()).toEqual([expect.stringContaining('never answered')]);
    const much = speak();
    much.sftp.fromClient(Buffer.concat([INIT, REMOVAL]));
    for (let count = 0; count < 20; count++) much.sftp.fromClient(write(count, 'guessed', 0, Buffer.alloc(10_000)));
    much.sftp.end();
    expect(much.notes()).toEqual([expect.stringContaining('never answered')]);
  });

  it('is none where one side alone looks like it', () => {
    for (const [client, target] of [
      ['GET / HTTP/1.1\r\n', 'HTTP/1.1 200 OK\r\n'],
      // As numbers stand in programs.
      ['\x7fELF\0\0\x40\0\x01\0\0\0\x03\0\0\0', ''],
      ['', '\0\0\0\0\0\x02\0\0\0\x01'],
    ] as const) {
      const { sftp, facts, notes } = speak();
      sftp.fromClient(Buffer.from(client, 'latin1'));
      sftp.fromTarget(Buffer.from(target, 'latin1'));
      sftp.end();
      expect([facts, notes()]).toEqual([[], []]);
    }
  });

  it('ends the channel under masks, before anything of a file came back', () => {
    const { sftp } = speak({ masked: true });
    expect(sftp.fromClient(INIT)).toBeUndefined();
    expect(sftp.fromTarget(Buffer.concat([Buffer.from('x'), VERSION]))).toContain('under masks');
  });

  it('that is answered on stderr is noted, and ends the channel under masks', () => {
    const { sftp, notes } = speak();
    sftp.fromClient(INIT);
    expect(sftp.fromErrors(Buffer.concat([Buffer.from('x'), VERSION]))).toBeUndefined();
    expect(notes()).toEqual([expect.stringContaining('on stderr')]);
    expect(speak({ masked: true }).sftp.fromErrors(VERSION)).toContain('under masks');
  });

  it('what cannot be followed ends the subsystem, and of a command is told no more', () => {
    const wrong = packet(99, 1);
    const subsystem = speak({ subsystem: true });
    expect(subsystem.sftp.fromClient(Buffer.concat([INIT, wrong]))).toContain('packet type 99');
    expect(subsystem.notes()).toEqual([]);
    const { sftp, facts, notes } = speak();
    sftp.fromClient(INIT);
    sftp.fromTarget(VERSION);
    expect(sftp.fromClient(Buffer.concat([REMOVAL, wrong]))).toBeUndefined();
    expect(notes()).toEqual([expect.stringContaining('packet type 99')]);
    expect(facts).toMatchObject([{ operation: 'remove', unanswered: true }]);
    expect([sftp.fromTarget(DONE), sftp.full]).toEqual([undefined, false]);
  });

  it('whatever goes over, nothing is thrown, little is kept, and what is told is bounded', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        INIT,
        VERSION,
        REMOVAL,
        DONE,
        open(1, 'f', NEW),
        open(2, 'f', READ),
        handle(1, 'h'),
        handle(2, 'i'),
      ),
      fc.constantFrom(write(3, 'h', 0, Buffer.alloc(100)), status(3, 0), close(4, 'h'), status(4, 0)),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    );
    const said = fc.array(fc.tuple(fc.boolean(), piece, fc.nat(50)), { maxLength: 40 });
    fc.assert(
      fc.property(said, fc.boolean(), fc.boolean(), (pieces, subsystem, terminal) => {
        const { sftp, facts, notes } = speak({ subsystem, terminal });
        for (const [client, bytes, cut] of pieces)
          for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
            const fault = client ? sftp.fromClient(Buffer.from(part)) : sftp.fromTarget(Buffer.from(part));
            if (fault !== undefined) {
              expect(subsystem).toBe(true);
              return;
            }
          }
        sftp.end();
        expect(facts.length).toBeLessThanOrEqual(4 * pieces.length);
        expect(notes().length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 500 },
    );
  });
});
