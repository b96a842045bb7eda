// Addresses of people within texts that anybody wrote: queries, reasons, URLs, Markdown, JSON. RFC 5321 allows an address signs that also
// stand around one (`*zed@example.com*`, `u=zed@example.com`), so what a text alone cannot tell is told by which addresses are known.

/** What an address is made of wherever it stands: letters, digits and `_`, with these between them. */
const WORD = /[\p{L}\p{N}\p{M}_.+'-]/u;
/** What RFC 5321 allows besides (atext): of an address only where the longer one is known. */
const SIGN = /[!#$%&*/=?^`{|}~]/;
const BEGINS = /[\p{L}\p{N}]/u;
/** One of them at a time. */
const BETWEEN = /[.+'-]/;
/** As core/identity.ts has addresses, where one is all of a text. */
const WHOLE = /^[^\s@"<>]+@[^\s@"<>]+$/;
/** `@`, also as a URL has it. */
const AT = /@|%40/gi;
const DOMAIN = /[\p{L}\p{N}][\p{L}\p{N}\p{M}-]*(?:\.[\p{L}\p{N}][\p{L}\p{N}\p{M}-]*)*/uy;
const MAX_LOCAL = 254;
/** RFC 5321, 4.5.3.1.1: so far back a known one is looked for. */
const MAX_SIGNS = 64;

/** Of what is an address or none, and no text that somebody wrote. */
export const isAddress = (text: string): boolean => WHOLE.test(text);

/** As names are kept: one form for each address, however it was typed. */
export const lower = (address: string): string => address.normalize('NFC').toLowerCase();

/**
 * The text with `pseudonymOf` in place of each address, which it gets as `lower` has it. Where there are others in it as the search reads
 * it (`plainly`), it is replaced in that form. Linear in the text.
 */
export function replaceAddresses(
  text: string,
  pseudonymOf: (address: string) => string,
  isKnown: (address: string) => boolean,
): string {
  const plain = plainly(text);
  const found = (of: string): string => {
    const addresses: string[] = [];
    replaceIn(of, (address) => String(addresses.push(address)), isKnown);
    return addresses.join('\n');
  };
  return replaceIn(plain === text || found(plain) === found(text) ? text : plain, pseudonymOf, isKnown);
}

/** The text with `instead` for the address of one person and their subaddresses, however they are written there. Where there is none it stays as it is. */
export function withoutAddress(text: string, email: string, instead: string): string {
  const address = lower(email);
  let found = false;
  const [local = '', domain = ''] = address.split('@');
  const isTheirs = (name: string): boolean =>
    name === address || (name.startsWith(`${local}+`) && name.endsWith(`@${domain}`));
  const replaced = replaceAddresses(
    text,
    (name) => {
      if (!isTheirs(name)) return name;
      found = true;
      return instead;
    },
    (name) => name === address,
  );
  return found ? replaced : text;
}

/** One who hides a sign writes it a few times over at most. */
const MOST_ESCAPES = 5;
/** `@` as HTML, JSON and JavaScript have it. */
const WRITTEN_AT = /&#0{0,6}64;|&#x0{0,6}40;|&commat;|\\u0040|\\x40/gi;
const IN_DOMAIN = String.raw`[\p{L}\p{N}][\p{L}\p{N}\p{M}-]{0,62}\.[\p{L}\p{N}]`;
/** Of a domain that has a dot: `x @ y` is no address. */
const SPACED_AT = new RegExp(String.raw`(?<=\S)\s{0,8}(@|%40)\s{0,8}(?=${IN_DOMAIN})`, 'giu');

/** As a reader, or the search's fold, takes it: without what nobody sees, one form of each character, escapes of escapes undone. */
function plainly(text: string): string {
  let plain = text
    .replace(/[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu, '')
    .normalize('NFKC')
    .replace(WRITTEN_AT, '@');
  for (let times = 0; times < MOST_ESCAPES && plain.includes('%25'); times++) plain = plain.replaceAll('%25', '%');
  return plain.replace(SPACED_AT, '$1');
}

function replaceIn(
  text: string,
  pseudonymOf: (address: string) => string,
  isKnown: (address: string) => boolean,
): string {
  let replaced = '';
  let done = 0;
  for (const { index, 0: at } of text.matchAll(AT)) {
    if (index < done) continue;
    const end = endOfDomain(text, index + at.length);
    if (end === undefined) continue;
    const domain = text.slice(index + at.length, end);
    const addressFrom = (start: number) => lower(`${unescaped(text.slice(start, index))}@${domain}`);
    const start = startOfLocal(text, done, index, (from) => isKnown(addressFrom(from)));
    if (start === undefined) continue;
    replaced += text.slice(done, start) + pseudonymOf(addressFrom(start));
    done = end;
  }
  return replaced + text.slice(done);
}

function endOfDomain(text: string, from: number): number | undefined {
  DOMAIN.lastIndex = from;
  const found = DOMAIN.exec(text)?.[0].replace(/-+$/, '');
  return found ? from + found.length : undefined;
}

/** The longest that is known; else as far as there are only signs of words, from a letter or a digit on. */
function startOfLocal(
  text: string,
  least: number,
  end: number,
  isKnownFrom: (start: number) => boolean,
): number | undefined {
  const limit = Math.max(least, end - MAX_LOCAL);
  let word: number | undefined;
  let known: number | undefined;
  let inWord = true;
  let behind = '';
  for (let from = end; from > limit; ) {
    const [start, character] = before(text, from, limit);
    const isWord = WORD.test(character);
    if (!isWord && !SIGN.test(character)) break;
    if (!isWord || (BETWEEN.test(character) && BETWEEN.test(behind))) inWord = false;
    if (inWord && BEGINS.test(character)) word = start;
    else if (end - start <= MAX_SIGNS && isKnownFrom(start)) known = start;
    from = start;
    behind = character;
  }
  // Within a word another address is another person's.
  return known !== undefined && (word === undefined || known < word) ? known : word;
}

/** The character that ends there, and where it begins; `%2B` is the sign that it stands for. */
function before(text: string, from: number, limit: number): [start: number, character: string] {
  const escaped = text.slice(Math.max(limit, from - 3), from);
  if (ESCAPED.test(escaped)) return [from - 3, unescaped(escaped)];
  const isPair = from - 2 >= limit && /[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(from - 2, from));
  const start = from - (isPair ? 2 : 1);
  return [start, text.slice(start, from)];
}

const ESCAPED = /^%[0-7][0-9a-f]$/i;
const unescaped = (text: string): string =>
  text.replace(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

const BORDERED = { before: /[\p{L}\p{N}\p{M}_.-]$/u, after: /^[\p{L}\p{N}\p{M}]/u };

/**
 * Whether a name may be of that person for all that it says: it has their address in it, between signs, or as a mailbox of their own
 * behind `+` (RFC 5233). Both as `lower` has them.
 */
export function mayBeAddress(name: string, address: string): boolean {
  const [local = '', domain = ''] = address.split('@');
  if (name.startsWith(`${local}+`) && name.endsWith(`@${domain}`)) return true;
  for (let at = name.indexOf(address); at >= 0; at = name.indexOf(address, at + 1))
    if (!BORDERED.before.test(name.slice(0, at)) && !BORDERED.after.test(name.slice(at + address.length))) return true;
  return false;
}
