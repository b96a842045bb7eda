// Fields whose values are known: one that there is not is a mistake, and not an archive where nothing of the kind was done.

import { ActionVerdict } from '../catalogue.ts';
import { ProtocolName } from '../protocols.ts';
import { err, ok, type Result } from '../result.ts';
import type { ValueField } from './query.ts';

const VALUES: Partial<Record<ValueField, readonly string[]>> = {
  protocol: ProtocolName.options,
  verdict: ['allowed', ...ActionVerdict.shape.outcome.options],
};

/** What pages call it. */
const ALSO: Partial<Record<ValueField, Readonly<Record<string, string>>>> = {
  verdict: { blocked: 'refused', 'not decided': 'failed' },
};

/** `value` in lower case, as it is indexed; `prefix`: it may be how one begins. */
export function listedValue(field: ValueField, value: string, prefix: boolean): Result<string, string> {
  const values = VALUES[field];
  const meant = ALSO[field]?.[value] ?? value;
  if (!values || values.some((each) => (prefix ? each.startsWith(meant) : each === meant))) return ok(meant);
  return err(`${field}: is one of ${values.join(', ')}.`);
}
