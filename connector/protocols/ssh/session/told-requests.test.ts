import { describe, expect, it } from 'vitest';
import { fieldsOf, Malformed } from '../wire/messages.ts';
import { askedFact, howItEnded } from './told-requests.ts';

const mask = (words: string) => words.replace('sesame', '***');

describe('requests that are told in words', () => {
  it('signals by name, breaks by length, sizes; others by their bytes alone', () => {
    expect(askedFact('signal', fieldsOf('INT'), 4)).toEqual({ kind: 'command.signalled', action: 4, signal: 'INT' });
    expect(askedFact('break', fieldsOf(500), 4)).toEqual({ kind: 'command.signalled', action: 4, breakMs: 500 });
    expect(askedFact('window-change', fieldsOf(80, 24, 0, 0), 4)).toMatchObject({ kind: 'terminal.resized', rows: 24 });
    expect(askedFact('xon-xoff', fieldsOf(true), 4)).toBeUndefined();
  });

  it.each([
    ['signal', fieldsOf('')],
    ['signal', fieldsOf('IN T')],
    ['signal', fieldsOf('X'.repeat(65))],
    ['signal', fieldsOf(Buffer.from('\xff', 'latin1'))],
    ['break', fieldsOf(true)],
  ])('%s is none in another form', (name, fields) => {
    expect(() => askedFact(name, fields, 4)).toThrow(Malformed);
  });

  it('how a command ended: with the image that was kept, and the words of the target, masked and cut', () => {
    expect(howItEnded('exit-status', fieldsOf(3), mask)).toEqual({ exit: 3 });
    expect(howItEnded('exit-signal', fieldsOf('KILL', false, '', ''), mask)).toEqual({ signal: 'KILL' });
    const words = `bad luck with sesame ${'x'.repeat(2000)}`;
    expect(howItEnded('exit-signal', fieldsOf('SEGV', true, words, 'en'), mask)).toEqual({
      ...{ signal: 'SEGV', coreDumped: true },
      message: `bad luck with *** ${'x'.repeat(2000)}`.slice(0, 1000),
    });
  });
});
