// `mask:` of a rule, as its author writes it (docs/masking.md).
//
//    - { columns: ["*.email", "customers.phone", "hr.salaries.*"], with: partial }
//    - { fields: ["$.users[*].email"], with: hash }
//    - { detect: [credit-card, { name: employee-id, pattern: 'EMP-\d{6}' }], with: placeholder }

import { z } from 'zod';
import { DETECTOR_NAMES } from './detectors/names.ts';
import { compilePattern } from './detectors/pattern.ts';
import { parseFieldPath } from './fields.ts';
import { LACKS } from '../text/every-issue.ts';
import { withUnseenShown } from '../text/written-text.ts';
import { Way } from './ways.ts';

const PART = String.raw`(?:"(?:[^"]|"")+"|[^\s".]+)`;
/** `table.column` or `schema.table.column`; `*` stands for any letters; parts in double quotes are taken as they are. */
const ColumnPattern = z
  .string()
  .max(400)
  .regex(new RegExp(`^${PART}\\.${PART}(?:\\.${PART})?$`), 'expected table.column or schema.table.column, * for any');

/** What no name has unless it is quoted: `a.b,a.c` would pass for one pattern, of a schema, and fit nothing. */
const NOT_IN_NAMES = /[,;:'()[\]{}<>=]/;
const MAX_IDENTIFIER_BYTES = 63;

/** Why the pattern can fit no column; undefined: it may. Beside the schema, so that a policy that is stored stays in force with it. */
export function columnPatternMistake(text: string): string | undefined {
  const unseen = withUnseenShown(text);
  if (unseen !== undefined)
    return `${shown(unseen)} fits no column: it has a character that nobody sees (shown as \ufffd); * stands for any letters`;
  for (const part of text.match(new RegExp(PART, 'g')) ?? []) {
    const quoted = part.startsWith('"');
    const name = quoted ? part.slice(1, -1).replaceAll('""', '"') : part;
    if (!quoted && NOT_IN_NAMES.test(name))
      return `${shown(text)} fits no column: expected one table.column or schema.table.column, and double quotes around names of other characters`;
    if (new TextEncoder().encode(name).length > MAX_IDENTIFIER_BYTES)
      return `${shown(text)} fits no column: a part of it is longer than any name can be (${MAX_IDENTIFIER_BYTES} bytes)`;
  }
  return undefined;
}

const shown = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}...` : text);

const FieldPathText = z.string().superRefine((text, context) => {
  const parsed = parseFieldPath(text);
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.error });
});

const OwnDetector = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'expected lower-case letters, digits and dashes'),
    pattern: z.string().min(1),
  })
  .superRefine((own, context) => {
    if ((DETECTOR_NAMES as readonly string[]).includes(own.name))
      context.addIssue({
        code: 'custom',
        path: ['name'],
        message: `${own.name} is the name of a detector that is built in`,
      });
    const compiled = compilePattern(own.name, own.pattern);
    if (!compiled.ok) context.addIssue({ code: 'custom', path: ['pattern'], message: compiled.error });
  });

const Detect = z.union([z.enum(DETECTOR_NAMES), OwnDetector], {
  error: `expected one of ${DETECTOR_NAMES.join(', ')}, or { name, pattern }`,
});

export const MaskEntry = z
  .strictObject({
    columns: z.array(ColumnPattern).min(1).max(500).optional(),
    detect: z.array(Detect).min(1).max(50).optional(),
    /** Of JSON documents: fields.ts. */
    fields: z.array(FieldPathText).min(1).max(500).optional(),
    with: Way,
    /** Of `columns`: whoever the rule is for is assumed to look for ways around it (docs/masking.md). */
    strict: z.boolean().optional(),
  })
  .superRefine((entry, context) => {
    const named = [entry.columns, entry.detect, entry.fields].filter((one) => one !== undefined).length;
    if (named !== 1)
      context.addIssue({
        ...{ code: 'custom', path: [], message: 'expected one of columns, detect and fields' },
        ...(named === 0 && { params: LACKS }),
      });
    if (entry.strict !== undefined && entry.columns === undefined)
      context.addIssue({
        ...{ code: 'custom', path: ['strict'], message: 'strict goes with columns' },
        ...(named === 0 && { params: LACKS }),
      });
  });
export type MaskEntry = z.infer<typeof MaskEntry>;
