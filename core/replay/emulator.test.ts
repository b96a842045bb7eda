import { expect, it, vi } from 'vitest';
import { Emulator } from './emulator.ts';

it('moves no more rows than there are, however often it is told', () => {
  const letters = Array.from({ length: 10 }, (_, row) => `row ${row}`).join('\r\n');
  for (const final of ['S', 'T', 'L', 'M']) {
    const [often, once] = [2000, 10].map((count) => {
      const emulator = new Emulator({ columns: 20, rows: 10 });
      const { active } = emulator.internals._bufferService.buffers;
      const moved = vi.spyOn(active.lines as unknown as { splice(): void }, 'splice');
      emulator.write(`\x1b[42m${letters}\x1b[3;8r\x1b[4;1H\x1b[${count}${final}x`);
      const cells = Array.from({ length: 10 }, (_, row) => [...(active.lines.get(row)?._data ?? [])]);
      emulator.close();
      return { moved: moved.mock.calls.length, cells };
    });
    expect(often?.moved, final).toBe(once?.moved);
    expect(often?.cells, final).toEqual(once?.cells);
  }
});
