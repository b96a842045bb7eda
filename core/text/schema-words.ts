// What a schema says of a wrong value where it has no words of its own: what was expected, for a person who wrote a
// policy, a file, a flag or a request. Never the value itself. Importing this module puts the words in force, so every
// border that shows an issue's message does.

import { z } from 'zod';

/** Of a choice between several forms. */
export const NO_FORM_FITS = 'is in none of the forms that fit here';

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'keys with values',
};
const FORMATS: Readonly<Record<string, string>> = {
  email: 'an e-mail address',
  url: 'a URL',
  datetime: 'an instant such as 2026-11-20T09:00:00Z',
  date: 'a date such as 2026-11-20',
  uuid: 'a UUID',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  cidrv4: 'an IPv4 network',
  cidrv6: 'an IPv6 network',
};
const UNITS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['entry', 'entries'],
};

type Issue = z.core.$ZodRawIssue;

function wordsFor(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : expected(KINDS[issue.expected]);
    case 'invalid_value':
      return issue.input === undefined ? 'is missing' : `expected ${anyOf(issue.values)}`;
    case 'too_small':
      return bound(issue.origin, Number(issue.minimum), issue.exact === true ? 'exactly' : 'at least', issue.inclusive);
    case 'too_big':
      return bound(issue.origin, Number(issue.maximum), issue.exact === true ? 'exactly' : 'at most', issue.inclusive);
    case 'invalid_format':
      return expected(FORMATS[issue.format]) ?? 'is not in the form that is expected here';
    case 'unrecognized_keys':
      return `${issue.keys.map((key) => JSON.stringify(key)).join(', ')} ${issue.keys.length === 1 ? 'is' : 'are'} not known here`;
    case 'invalid_union':
      return NO_FORM_FITS;
    case 'not_multiple_of':
      return `expected a multiple of ${issue.divisor}`;
    default:
      return undefined;
  }
}

const expected = (what: string | undefined): string | undefined =>
  what === undefined ? undefined : `expected ${what}`;

function anyOf(values: readonly unknown[]): string {
  const words = values.map(String);
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function bound(origin: string, limit: number, word: string, inclusive = true): string {
  const unit = UNITS[origin];
  if (unit !== undefined) return `expected ${word} ${limit} ${limit === 1 ? unit[0] : unit[1]}`;
  if (inclusive) return `expected ${word} ${limit}`;
  return `expected ${word === 'at least' ? 'more' : 'less'} than ${limit}`;
}

z.config({ customError: wordsFor });
