// `mask:` of a rule, as its author writes it (docs/masking.md).
//
//    - { columns: ["*.email", "customers.phone", "hr.salaries.*"], with: partial }
//    - { detect: [credit-card, { name: employee-id, pattern: 'EMP-\d{6}' }], with: placeholder }

import { z } from 'zod';
import { DETECTOR_NAMES } from '../masking/detectors/names.ts';
import { compilePattern } from '../masking/detectors/pattern.ts';

/** How a value is masked. `fixed` is put in its place where the column's type can hold it. */
export const Way = z.union(
  [
    z.enum(['placeholder', 'partial', 'hash', 'null']),
    z.strictObject({
      fixed: z
        .string()
        .max(200)
        .regex(/^[^\0]*$/),
    }),
  ],
  { error: 'expected placeholder, partial, hash, null or { fixed: TEXT }' },
);
export type Way = z.infer<typeof Way>;

const PART = String.raw`(?:"(?:[^"]|"")+"|[^\s".]+)`;
/** `table.column` or `schema.table.column`; `*` stands for any letters; parts in double quotes are taken as they are. */
export const ColumnPattern = z
  .string()
  .max(400)
  .regex(new RegExp(`^${PART}\\.${PART}(?:\\.${PART})?$`), 'expected table.column or schema.table.column, * for any');

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
export type Detect = z.infer<typeof Detect>;

export const MaskEntry = z
  .strictObject({
    columns: z.array(ColumnPattern).min(1).max(500).optional(),
    detect: z.array(Detect).min(1).max(50).optional(),
    with: Way,
    /** Of `columns`: whoever the rule is for is assumed to look for ways around it (docs/masking.md). */
    strict: z.boolean().optional(),
  })
  .superRefine((entry, context) => {
    if ((entry.columns === undefined) === (entry.detect === undefined))
      context.addIssue({ code: 'custom', path: [], message: 'expected either columns or detect' });
    if (entry.strict !== undefined && entry.columns === undefined)
      context.addIssue({ code: 'custom', path: ['strict'], message: 'strict goes with columns' });
  });
export type MaskEntry = z.infer<typeof MaskEntry>;
