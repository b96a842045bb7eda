// The readings of a request's path. Proxies and servers differ in what they make of escapes, dots and doubled
// slashes (RFC 3986, 6.2 leaves it to them), and a rule that knew one reading would be passed by in another.

export interface PathReadings {
  /** Each begins with a slash: as sent, and as a server may read it. Empty: it is no path, and could be any. */
  readonly all: readonly string[];
  /** The one that all servers have, escapes resolved; undefined: they may differ. */
  readonly certain: string | undefined;
}

const NO_PATH: PathReadings = { all: [], certain: undefined };
const MAX_CHARACTERS = 64 * 1024;

export function readPath(sent: string): PathReadings {
  if (!sent.startsWith('/') || sent.length > MAX_CHARACTERS) return NO_PATH;
  const decoded = decode(sent);
  if (decoded === undefined) return NO_PATH;
  // Behind a `;` stand parameters, which some servers leave out; a backslash is a slash to some; an escape may be
  // escaped itself.
  const wholly = decodeWholly(decoded);
  if (wholly === undefined) return NO_PATH;
  const slashed = wholly.replaceAll('\\', '/');
  // A NUL, or what begins a query once it is decoded, ends the path for some.
  const cut = slashed.replace(/[\0?#].*$/s, '');
  const bare = [slashed, cut].map((path) => path.replace(/;[^/]*/g, ''));
  const all = new Set([sent, decoded, wholly, cut, ...[decoded, slashed, ...bare].flatMap(resolved)]);
  return { all: [...all], certain: isCertain(sent, decoded) ? decoded : undefined };
}

/** As often as it changes anything; undefined: escapes within escapes, deeper than anybody means them. */
function decodeWholly(path: string): string | undefined {
  let now = path;
  for (let turn = 0; turn < 4; turn++) {
    const next = decode(now) ?? now;
    if (next === now) return now;
    now = next;
  }
  return undefined;
}

/** Escapes resolved; undefined: one of them is none, or the bytes are no UTF-8. */
function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** An escape that hides a letter with a meaning of its own, or one that no path has, leaves room for two readings. */
function isCertain(sent: string, decoded: string): boolean {
  if (/%(?:2[ef]|5c|25|3b|23|3f|0|1|7f)/i.test(sent)) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return !/[\\;\x00-\x1f\x7f]/.test(sent) && resolved(decoded).every((path) => path === decoded);
}

/** Without dots and doubled slashes: some take the slashes together first, some afterwards, some not at all. */
const resolved = (path: string): string[] => {
  const undotted = withoutDots(path);
  return [undotted, together(undotted), withoutDots(together(path))];
};

const together = (path: string): string => path.replace(/\/{2,}/g, '/');

/** RFC 3986, 5.2.4. A slash at the end stays: it is another resource to many servers. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, index) => {
    const isDots = segment === '.' || segment === '..';
    if (segment === '..') kept.pop();
    if (!isDots) kept.push(segment);
    else if (index === segments.length - 1) kept.push('');
  });
  return `/${kept.join('/')}`;
}
