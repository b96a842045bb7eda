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
  const twice = decode(decoded) ?? decoded;
  const bare = twice.replaceAll('\\', '/').replace(/;[^/]*/g, '');
  const all = new Set([sent, decoded, flat(decoded), twice, flat(bare)]);
  return { all: [...all], certain: isCertain(sent, decoded) ? decoded : undefined };
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
  return !/[\\;\x00-\x1f\x7f]/.test(sent) && flat(decoded) === decoded;
}

/** Without empty segments and dots. A slash at the end stays: it is another resource to many servers. */
function flat(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, index) => {
    if (segment === '..') kept.pop();
    else if (segment !== '.' && segment !== '') kept.push(segment);
    if (index === segments.length - 1 && ['', '.', '..'].includes(segment) && kept.length > 0) kept.push('');
  });
  return `/${kept.join('/')}`;
}
