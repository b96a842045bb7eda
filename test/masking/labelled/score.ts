// Precision and recall of the detectors on the labelled set, beside plain regular expressions of the
// kind that one writes in an afternoon.

import { DETECTORS } from '../../../core/masking/detectors/catalogue.ts';
import { DETECTOR_NAMES } from '../../../core/masking/detectors/names.ts';
import { Finder } from '../../../core/masking/finder.ts';
import { generate, HARD_CASES, type Labelled } from './cases.ts';
import { FORMS } from './forms.ts';

export const SET: readonly Labelled[] = [...HARD_CASES, ...FORMS, ...generate(20261121, 800)];

const ALONE = SET.filter(({ together }) => !together);

export const BASELINE: Readonly<Record<string, RegExp>> = {
  email: /[\w.+-]+@[\w-]+\.[\w.-]+/g,
  'credit-card': /\b(?:\d[ -]?){13,16}\b/g,
  iban: /\b[A-Z]{2}\d{2}[A-Z0-9 ]{11,30}\b/g,
  'us-ssn': /\b\d{3}-?\d{2}-?\d{4}\b/g,
  phone: /\+?\d[\d ().-]{7,}\d/g,
  jwt: /eyJ[\w-]+\.[\w-]+\.[\w-]+/g,
  'aws-key': /\bAKIA[0-9A-Z]{16}\b|\b[A-Za-z0-9/+=]{40}\b/g,
  'gcp-key': /AIza[\w-]{35}/g,
  'github-token': /gh[pousr]_\w{36}/g,
  'slack-token': /xox[baprs]-[\w-]+/g,
  'private-key': /-----BEGIN [A-Z ]+-----[\s\S]+?-----END [A-Z ]+-----/g,
  password: /(?:password|passwd|pwd|api_key)\W+(\S+)/gi,
};

export interface Score {
  readonly detector: string;
  readonly values: number;
  readonly precision: number;
  readonly recall: number;
}

type Find = (detector: string, text: string) => readonly string[];

const ours: Find = (detector, text) => {
  const finder = new Finder([{ detector: DETECTORS[detector as (typeof DETECTOR_NAMES)[number]] }]);
  const bytes = Buffer.from(text);
  return finder.find(bytes, 0, bytes.length).map(({ start, end }) => bytes.toString('utf8', start, end));
};

const plain: Find = (detector, text) =>
  [...text.matchAll(BASELINE[detector] as RegExp)].map((match) => (match[1] ?? match[0]).trim());

/** A find counts when it is the value; one that is more or less than it counts as wrong, and the value as missed. */
export function score(find: Find): Score[] {
  return DETECTOR_NAMES.map((detector) => {
    let right = 0;
    let wrong = 0;
    let missed = 0;
    for (const { text, values } of ALONE) {
      const wanted = values.filter(([name]) => name === detector).map(([, value]) => value);
      for (const value of find(detector, text)) {
        const at = wanted.indexOf(value);
        if (at < 0) wrong++;
        else {
          right++;
          wanted.splice(at, 1);
        }
      }
      missed += wanted.length;
    }
    return {
      detector,
      values: right + missed,
      precision: right + wrong === 0 ? 1 : right / (right + wrong),
      recall: right + missed === 0 ? 1 : right / (right + missed),
    };
  });
}

export const scoreOurs = (): Score[] => score(ours);
export const scorePlain = (): Score[] => score(plain);

/** What our detectors get wrong, for whoever works on them. */
export function mistakes(): string[] {
  return DETECTOR_NAMES.flatMap((detector) =>
    ALONE.flatMap(({ text, values }) => {
      const wanted = values.filter(([name]) => name === detector).map(([, value]) => value);
      const found = ours(detector, text);
      const same = found.length === wanted.length && found.every((value) => wanted.includes(value));
      return same ? [] : [`${detector}: ${JSON.stringify(text)} found ${JSON.stringify(found)}`];
    }),
  );
}

/** Values of the set that one detector finds and all of them at once leave to be seen, in part or whole, or find as another. */
export function lostTogether(): string[] {
  const finder = new Finder(DETECTOR_NAMES.map((name) => ({ detector: DETECTORS[name] })));
  return SET.flatMap(({ text, values, together }) => {
    const bytes = Buffer.from(text);
    const found = finder.find(bytes, 0, bytes.length);
    let from = 0;
    return values.flatMap(([detector, value]) => {
      const start = bytes.indexOf(value, from);
      const end = start + Buffer.byteLength(value);
      from = end;
      const covering = found.find((match) => match.start <= start && match.end >= end);
      const exact =
        covering && DETECTOR_NAMES[covering.source] === detector && covering.end - covering.start === end - start;
      if (!together && !ours(detector, text).includes(value)) return [];
      return covering && (exact || !together) ? [] : [`${detector}: ${JSON.stringify(text)}`];
    });
  });
}
