import { describe, expect, it } from 'vitest';
import { readStartOptions, START_HELP } from './options.ts';

describe('the flags of npm start', () => {
  it('have defaults', () => {
    expect(readStartOptions([], '/w')).toEqual({
      portBase: undefined,
      data: '/w/.gatehouse',
      dataShown: '.gatehouse',
      fresh: false,
      connector: undefined,
      policy: undefined,
      with: new Set(),
    });
  });

  it('name paths from where npm was called', () => {
    const read = readStartOptions(['--data', 'd', '--connector', 'c.yaml', '--port-base', '9000', '--fresh'], '/w');
    expect(read).toMatchObject({ data: '/w/d', connector: '/w/c.yaml', portBase: 9000, fresh: true });
    expect(readStartOptions(['--with', 'ssh'], '/w')).toMatchObject({ with: new Set(['ssh']) });
    expect(readStartOptions(['--with', 'mysql,ssh'], '/w')).toMatchObject({ with: new Set(['mysql', 'ssh']) });
    expect(readStartOptions(['--with', 'mysql', '--with', 'ssh'], '/w')).toMatchObject({
      with: new Set(['mysql', 'ssh']),
    });
  });

  it.each([
    [['--port'], '--port'],
    [['--frsh'], '--frsh'],
    [['--port-base', 'x'], '--port-base x'],
    [['--port-base', '65530'], '--port-base 65530'],
    [['--port-base', '0'], '--port-base 0'],
    [['extra'], 'extra'],
    [['--with', 'ftp'], '--with ftp: expected mysql or ssh'],
    [['--with', 'mysql,'], '--with'],
    [['--with', 'ssh', '--connector', 'c.yaml'], '--with'],
  ])('%j is refused in one line that names it', (args, named) => {
    expect(() => readStartOptions(args, '/w')).toThrow(named);
  });

  it('are explained on one screen', () => {
    const rows = START_HELP.trimEnd().split('\n');
    expect(rows.length).toBeLessThan(24);
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(80);
  });
});
