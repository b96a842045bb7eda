import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { compileMasks, Masks } from '../../../../core/masking/masks.ts';
import { MaskedOutput } from './masked-output.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function atTerminal() {
  const masks = new Masks(compileMasks([{ name: 'test', mask: [{ detect: ['credit-card'], with: 'placeholder' }] }]), {
    keyedHash: () => new Uint8Array(32),
    incidents: () => undefined,
  });
  let seen = '';
  const output = new MaskedOutput({
    masks: () => masks,
    shape: 'columns',
    send: (bytes) => {
      seen += bytes.toString();
    },
    contain: (work) => work(),
    failed: () => expect.unreachable(),
  });
  return { show: (text: string) => output.take(Buffer.from(text)), seen: () => seen };
}

describe('what a terminal shows under masks', () => {
  it('waits for 30 ms of silence at most, where it cannot be a value', () => {
    const { show, seen } = atTerminal();
    show('alice@web:~$ ');
    expect(seen()).toBe('');
    vi.advanceTimersByTime(30);
    expect(seen()).toBe('alice@web:~$ ');
    show('l');
    vi.advanceTimersByTime(30);
    expect(seen()).toBe('alice@web:~$ l');
  });

  it('waits half a second at most, where it may be the beginning of one (ADR 35)', () => {
    const { show, seen } = atTerminal();
    show('card 4111 11');
    vi.advanceTimersByTime(30);
    expect(seen()).toBe('card ');
    show('11 1111 1111 ');
    vi.advanceTimersByTime(600);
    expect(seen()).toBe('card [credit-card]****** ');
    show('5105 10');
    vi.advanceTimersByTime(500);
    expect(seen()).toBe('card [credit-card]****** 5105 10');
  });
});
