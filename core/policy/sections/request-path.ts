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
/** All servers read it alike, but for a slash at its end. */
const PLAIN = /^(?:\/[\w~-]+)*\/?$/;
/** Of escapes within escapes. */
const MAX_LEVELS = 4;

export function readPath(sent: string): PathReadings {
  if (!sent.startsWith('/') || sent.length > MAX_CHARACTERS) return NO_PATH;
  if (PLAIN.test(sent)) return { all: [sent, closed(sent)], certain: sent };
  const decoded = decode(sent);
  if (decoded === undefined) return NO_PATH;
  const levels = decodedLevels(sent);
  if (levels === undefined) return NO_PATH;
  // Behind a `;` stand parameters, which some servers leave out, before they resolve escapes or afterwards.
  const bare = [...levels, sent].map(withoutParameters);
  const forms = new Set(levels.concat(...bare.map((path) => decodedLevels(path) ?? [])));
  const all = new Set([...forms].flatMap(readings));
  return { all: [...all], certain: isCertain(sent, decoded) ? decoded : undefined };
}

const withoutParameters = (path: string): string => path.replace(/;[^/]*/g, '');

/** What servers make of a path whose escapes are resolved. */
function readings(path: string): string[] {
  // A backslash is a slash to some; letters of other widths are the plain ones to some.
  const slashed = path.replaceAll('\\', '/');
  const plain = slashed.normalize('NFKC');
  // A NUL, or what begins a query once it is decoded, ends the path for some.
  const cut = plain.replace(/[\0?#].*$/s, '');
  const forms = new Set([path, slashed, plain, cut]);
  const found = new Set([...forms].flatMap((one) => [one, ...resolved(one)]));
  return [...found].flatMap(alike);
}

/** What routers take for the same: without slashes, dots and blanks at an end, and without a format's name. */
function alike(path: string): string[] {
  const shut = closed(path);
  const trimmed = shut.replace(/(?<=[^/.\s])[.\s]+(?=\/|$)/g, '');
  return [path, shut, trimmed, trimmed.replace(FORMAT, '')];
}

const closed = (path: string): string => path.replace(/(?<=[^/])\/+$/, '');

const FORMAT = /(?<=[^/])\.(?:json|xml|html?|txt|csv|ya?ml|js|do|action|rss|atom|pdf)$/i;

/** With its escapes, and resolved as often as it changes anything; undefined: deeper than anybody means them. */
function decodedLevels(path: string): string[] | undefined {
  const levels = [path];
  for (let now = path; ; ) {
    const next = decode(now) ?? now;
    if (next === now) return levels;
    if (levels.length > MAX_LEVELS) return undefined;
    levels.push(next);
    now = next;
  }
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
