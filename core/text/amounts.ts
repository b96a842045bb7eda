// Amounts in words, the same wherever people read them: pages, the command line, notices, exports.

/** 12:03.250, or 1:12:03.250. */
export function offset(timeUs: number): string {
  const ms = Math.max(0, Math.floor(timeUs / 1000));
  return `${clock(ms)}.${String(ms % 1000).padStart(3, '0')}`;
}

/** 12:03, or 1:12:03. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const pad = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

/** What was measured: 850 µs, 12.4 ms, 505 ms, 3.2 s, 4 min 5 s. */
export function took(us: number): string {
  // As it is written, so that nothing is 1000 ms or 60 s.
  if (us < 999.5) return `${Math.round(us)} µs`;
  if (us < 999_500) return `${trim(us / 1000)} ms`;
  return us < 59_950_000 ? `${trim(us / 1_000_000)} s` : span(us / 1000);
}

/** What is set or left, in whole seconds: 45 s, 12 min 3 s, 2 h 5 min, 3 d 4 h: two units at most. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const units: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = units.findIndex(([amount]) => amount > 0);
  if (first < 0) return '0 s';
  return units
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

export function showBytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${trim(value)} ${units[unit]}`;
}

/** `1,204 rows`. */
export const count = (amount: number, one: string, many = `${one}s`): string =>
  `${amount.toLocaleString('en')} ${amount === 1 ? one : many}`;

const trim = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, ''));
