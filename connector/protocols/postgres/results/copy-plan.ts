// How the data of a COPY ... TO STDOUT is read, and what becomes of its columns.

import type { ColumnPlan } from '../values/result-plan.ts';

export interface CopyTextPlan {
  readonly kind: 'text';
  readonly columns: readonly ColumnPlan[];
  /** One byte each, as the statement says or by default. */
  readonly delimiter: number;
  /** As it stands in the data, a letter a byte. */
  readonly nullText: string;
  /** The first line names the columns. */
  readonly header: boolean;
  readonly csv: { readonly quote: number; readonly escape: number } | undefined;
}

export type CopyPlan = CopyTextPlan | { readonly kind: 'binary'; readonly columns: readonly ColumnPlan[] };
