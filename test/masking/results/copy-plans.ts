// Plans for COPY ... TO STDOUT in its two forms of text, with their defaults.

import type { CopyPlan } from '../../../connector/protocols/postgres/results/copy-plan.ts';
import type { ColumnPlan } from '../../../connector/protocols/postgres/values/result-plan.ts';

export const copyText = (columns: readonly ColumnPlan[]): CopyPlan => ({
  kind: 'text',
  columns,
  delimiter: 0x09,
  nullText: '\\N',
  header: false,
  csv: undefined,
});

export const copyCsv = (columns: readonly ColumnPlan[], header = false): CopyPlan => ({
  kind: 'text',
  columns,
  delimiter: 0x2c,
  nullText: '',
  header,
  csv: { quote: 0x22, escape: 0x22 },
});
