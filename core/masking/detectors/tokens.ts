// Tokens that carry their maker's mark: JSON web tokens, keys of AWS and Google Cloud, tokens of
// GitHub and Slack.

import {
  ALNUM,
  BASE64,
  DASHES,
  DIGIT,
  HEX,
  isAt,
  isBehindEscape,
  isOf,
  LOWER,
  mayEndEscape,
  skip,
  standsAt,
  UPPER,
} from '../byte-classes.ts';
import type { Detector, Span } from '../detector.ts';
import { assignmentAt } from './assignment.ts';

const WORD = ALNUM | DASHES;

/** Whether a token that begins at `start` is the later part of a word of `classes`. */
const isWithinWord = (bytes: Uint8Array, start: number, begin: number, classes: number): boolean =>
  isAt(bytes, start - 1, begin, start, classes) && !isBehindEscape(bytes, start, begin);

/** For triggers that are a token's first letter. */
const mayStandBefore = (before: number): boolean => !isOf(before, ALNUM) || mayEndEscape(before);

function take(found: Span, start: number, end: number): boolean {
  found.start = start;
  found.end = end;
  return true;
}

/** Three or five parts of base64url, the first of which begins with {" (RFC 7519, RFC 7516). */
export const jwt: Detector = {
  name: 'jwt',
  triggers: 'J',
  canFollow: (before) => before === 0x79,
  match(bytes, at, begin, low, end, found) {
    const start = at - 2;
    if (start < low || bytes[start] !== 0x65 || bytes[at - 1] !== 0x79 || isWithinWord(bytes, start, begin, ALNUM))
      return false;
    const limit = Math.min(end, at + 4000);
    const header = skip(bytes, at, limit, WORD);
    if (header - start < 12 || bytes[header] !== 0x2e || header >= limit) return false;
    const payload = skip(bytes, header + 1, Math.min(limit, header + 17), WORD);
    if (payload - header < 9) return false;
    return take(found, start, payload);
  },
  tail(bytes, from, end) {
    for (let at = from; at < end; at++) if (bytes[at] !== 0x2e && !isAt(bytes, at, from, end, WORD)) return at;
    return -1;
  },
};

/** Access key ids, and secret keys where a setting's name or the key id in front says what they are. */
export const awsKey: Detector = {
  name: 'aws-key',
  triggers: 'A=:,',
  canFollow: (before, trigger) =>
    trigger === 0x41 ? mayStandBefore(before) : trigger !== 0x2c || isOf(before, UPPER | DIGIT),
  match(bytes, at, begin, low, end, found) {
    if (bytes[at] !== 0x41) {
      if (secretBehindId(bytes, at, begin, low, end, found)) return true;
      if (bytes[at] === 0x2c) return false;
      if (!assignmentAt(bytes, at, begin, low, end, /(?:aws.?secret.?(?:access.?)?key|secret.?access.?key)$/i, found))
        return false;
      return found.end - found.start === 40 && skip(bytes, found.start, found.end, ALNUM | BASE64) === found.end;
    }
    return (
      at >= low && !isWithinWord(bytes, at, begin, ALNUM) && isKeyId(bytes, at, begin, end) && take(found, at, at + 20)
    );
  },
};

const KEY_ID_MARKS = ['AKIA', 'ASIA', 'ABIA', 'ACCA'];

function isKeyId(bytes: Uint8Array, at: number, begin: number, end: number): boolean {
  if (!KEY_ID_MARKS.some((mark) => standsAt(bytes, at, end, mark))) return false;
  const stop = skip(bytes, at + 4, Math.min(end, at + 21), UPPER | DIGIT);
  if (stop - at !== 20 || isAt(bytes, stop, begin, end, ALNUM)) return false;
  for (let i = at + 4; i < stop; i++) {
    const byte = bytes[i] as number;
    // Base 32 knows no 0, 1, 8 and 9.
    if (byte === 0x30 || byte === 0x31 || byte === 0x38 || byte === 0x39) return false;
  }
  return true;
}

/** `AKIA...:SECRET`, and `AKIA...,SECRET` as in the file that the console gives. */
function secretBehindId(bytes: Uint8Array, at: number, begin: number, low: number, end: number, found: Span): boolean {
  if (at - 20 < begin || at + 1 < low || !isKeyId(bytes, at - 20, begin, end)) return false;
  const stop = skip(bytes, at + 1, Math.min(end, at + 42), ALNUM | BASE64);
  return stop - at === 41 && take(found, at + 1, stop);
}

/** API keys (AIza...), OAuth client secrets (GOCSPX-...) and access tokens (ya29....), key ids of service accounts. */
export const gcpKey: Detector = {
  name: 'gcp-key',
  triggers: 'AX.:',
  canFollow: (before, trigger) =>
    trigger === 0x41
      ? mayStandBefore(before)
      : trigger === 0x58
        ? before === 0x50
        : trigger !== 0x2e || before === 0x39,
  match(bytes, at, begin, low, end, found) {
    const byte = bytes[at];
    if (byte === 0x3a) {
      if (!assignmentAt(bytes, at, begin, low, end, /private_key_id$/i, found)) return false;
      return found.end - found.start === 40 && skip(bytes, found.start, found.end, HEX) === found.end;
    }
    const start = byte === 0x41 ? at : byte === 0x58 ? at - 5 : at - 4;
    if (start < low || isWithinWord(bytes, start, begin, ALNUM)) return false;
    if (byte === 0x41) {
      if (!standsAt(bytes, at, end, 'AIza')) return false;
      const stop = skip(bytes, at, Math.min(end, at + 40), WORD);
      return stop - at === 39 && take(found, at, stop);
    }
    if (byte === 0x58) {
      if (!standsAt(bytes, start, end, 'GOCSPX-')) return false;
      const stop = skip(bytes, start, Math.min(end, start + 36), WORD);
      return stop - start === 35 && take(found, start, stop);
    }
    if (!standsAt(bytes, start, end, 'ya29.')) return false;
    const stop = skip(bytes, at + 1, Math.min(end, at + 1000), WORD);
    return stop - at > 20 && take(found, start, stop);
  },
};

/** gh[pousr]_ and github_pat_ */
export const githubToken: Detector = {
  name: 'github-token',
  triggers: '_',
  canFollow: (before) => isOf(before, LOWER),
  match(bytes, at, begin, low, end, found) {
    const classic = bytes[at - 2] === 0x68 && bytes[at - 3] === 0x67;
    const start = classic ? at - 3 : at - 10;
    if (start < low || isWithinWord(bytes, start, begin, ALNUM) || (start > begin && bytes[start - 1] === 0x5f))
      return false;
    if (classic) {
      if (!'pousr'.includes(String.fromCharCode(bytes[at - 1] as number))) return false;
      const stop = skip(bytes, at + 1, Math.min(end, at + 256), ALNUM);
      return stop - at > 36 && take(found, start, stop);
    }
    if (!standsAt(bytes, start, end, 'github_pat_')) return false;
    let stop = at + 1;
    while (stop < end && stop - at < 256 && (isAt(bytes, stop, begin, end, ALNUM) || bytes[stop] === 0x5f)) stop++;
    return stop - at > 50 && take(found, start, stop);
  },
};

/** xoxb- and its siblings, xapp-, and the addresses of incoming webhooks */
export const slackToken: Detector = {
  name: 'slack-token',
  triggers: '-/',
  canFollow: (before) => isOf(before, LOWER),
  match(bytes, at, begin, low, end, found) {
    if (bytes[at] === 0x2f) {
      const mark = 'hooks.slack.com/services/';
      const start = at + 1 - mark.length;
      if (start < low || !standsAt(bytes, start, end, mark)) return false;
      let stop = at + 1;
      while (stop < end && stop - at < 120 && (isAt(bytes, stop, begin, end, ALNUM) || bytes[stop] === 0x2f)) stop++;
      return stop - at > 30 && take(found, start, stop);
    }
    const start = at - 4;
    if (start < low || bytes[start] !== 0x78 || isWithinWord(bytes, start, begin, ALNUM)) return false;
    if (
      !standsAt(bytes, start, end, 'xapp') &&
      !(standsAt(bytes, start, end, 'xox') && isAt(bytes, at - 1, begin, end, LOWER))
    )
      return false;
    const stop = skip(bytes, at + 1, Math.min(end, at + 255), ALNUM | DASHES);
    return stop - at > 15 && isAt(bytes, at + 1, begin, end, DIGIT | LOWER) && take(found, start, stop);
  },
};
