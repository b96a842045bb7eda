// The words that name secrets, and the forms in which texts say one: connection strings, addresses, JSON, SQL
// within a literal. All patterns are bounded, so that no text makes a search take longer than its length.

const NAMES =
  '(?:password|passwd|passphrase|passcode|pwd|secret|token)(?:_?(?:hash|digest))?|secret_key|private_key|access_key|api_key|apikey|authentication_string';
/** What a literal behind it is: `PASSWORD 'x'`, `password = 'x'`, `OPTIONS (password 'x')`. */
const SECRET_NAME = new RegExp(`(?:${NAMES})$`, 'i');
const ANY_NAME = new RegExp(NAMES, 'i');
const MAX_NAME_CHARACTERS = 200;

const ADDRESS = "://[^\\s:/@']{0,100}:";
/** An address at the end of a text that may go on with a password, or is within one. */
export const CUT_ADDRESS = new RegExp(`(${ADDRESS})[^\\s@/']*$`);
/** A text in which nothing of this stands says no secret. Far cheaper than reading it. */
const MAY_SAY = new RegExp(
  `passw|passphrase|passcode|pwd|secret|(?:api_?|private_|access_)key|token|identified|authentication_string|(?:alter|create)\\s+(?:role|user|group)\\b|${ADDRESS}[^\\s@/']+@`,
  'i',
);

const ASSIGNED = '["\\s]{0,16}(?:=>|:=|=|\\bto\\b|\\bis\\b)?\\s{0,16}';
const OPEN_END = new RegExp(`(?:${NAMES})${ASSIGNED}'{0,2}$`, 'i');
const PLACE = new RegExp(`(?:${NAMES})${ASSIGNED}'{0,2}%`, 'i');
/** Each in two groups: what names the secret, and the secret. */
const WITHIN = new RegExp(
  [
    // password=x, password = 'x', passw... = several words
    `((?:${NAMES}|pass(?:w\\w{0,16})?)\\s{0,16}=\\s{0,16})(''(?:[^'\\\\]|\\\\.)*|'(?:[^'\\\\]|\\\\.|'')*|[^\\s';&]+(?:\\s{1,8}(?![^\\s'=;&]{0,64}\\s{0,8}=)[^\\s'=;&]+){0,8})`,
    // scheme://user:x@
    `(${ADDRESS})([^\\s@/']+)(?=@)`,
    // password ''x''
    `((?:${NAMES})${ASSIGNED}[EN]?(?:''|\\\\'))((?:[^'\\\\]|''''|\\\\[^'])+)`,
    // password $$x$$
    `((?:${NAMES})${ASSIGNED}\\$\\w*\\$)([^$]+)`,
    // "password": "x"
    `((?:${NAMES})\\\\?"\\s{0,16}:\\s{0,16}\\\\?")((?:[^"\\\\]|\\\\.)+)`,
  ].join('|'),
  'gi',
);
const NAMING_GROUPS = [1, 3, 5, 7, 9];
/** Of a literal that is longer only the beginning is looked at, and nothing within it hidden. */
export const MAX_WITHIN_BYTES = 1024 * 1024;
const STAR = 0x2a;

/** Whether `b[start, end)` may say a secret. False is certain. */
export const maySaySecret = (b: Buffer, start: number, end: number): boolean =>
  MAY_SAY.test(b.toString('latin1', start, end));

/** Where it may begin to; -1: nowhere. */
export const mayBeginSecret = (b: Buffer): number => b.toString('latin1', 0, b.length).search(MAY_SAY);

/** A word or a quoted name that says of what stands behind it that it is a secret. */
export const namesSecret = (word: string): boolean => SECRET_NAME.test(word);

/** Without one a literal says nothing of what stands behind it: none of the next three holds. */
export const holdsSecretName = (literal: string): boolean => ANY_NAME.test(literal);

/** The whole of a literal is such a name, or a path to one: `set_config('a.secret', ...)`, `jsonb_set(x, '{a,secret}', ...)`. */
export const isSecretName = (literal: string): boolean =>
  literal.length <= MAX_NAME_CHARACTERS && SECRET_NAME.test(literal.replace(/["}]{1,4}$/, '')) && !/\s/.test(literal);

/** A literal that ends where a secret would be put behind it: `'alter role a password ' || ...`. */
export const endsBeforeSecret = (literal: string): boolean => OPEN_END.test(literal);

/** A literal with a place for one: `format('... password %L', ...)`. */
export const hasPlaceForSecret = (literal: string): boolean => PLACE.test(literal);

/** Writes over the secrets that a literal says, and adds them to those found. */
export function hideWithin(literal: Buffer, found: { readonly values: Buffer[]; hide(by: 'secret'): void }): void {
  if (literal.length < 5 || literal.length > MAX_WITHIN_BYTES) return;
  const text = literal.toString('latin1', 0, literal.length);
  if (!MAY_SAY.test(text)) return;
  for (const match of text.matchAll(WITHIN)) {
    const naming = NAMING_GROUPS.find((group) => match[group] !== undefined) ?? 1;
    const value = match[naming + 1] ?? '';
    const from = match.index + (match[naming] ?? '').length;
    const quotes = /^'*/.exec(value)?.[0].length ?? 0;
    if (value.length > quotes) found.values.push(Buffer.from(literal.subarray(from + quotes, from + value.length)));
    literal.fill(STAR, from, from + value.length);
    found.hide('secret');
  }
}
