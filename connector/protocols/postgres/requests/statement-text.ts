// Statements and bind parameters as they are recorded: the target gets the original, the recording a
// copy in which secrets are written over, byte for byte of the same length (docs/masking.md says why).
// secret-literals.ts finds them.

import type { Masks } from '../../../../core/masking/masks.ts';
import { sameLength } from '../../../../core/masking/masks.ts';
import type { FoundSecrets, LiteralOptions } from '../../../sql/found-secrets.ts';
import { hideLiterals, mayRun } from '../../../sql/secret-literals.ts';
import { maySaySecret } from '../../../sql/secret-words.ts';
import { hiddenFill } from '../values/same-length.ts';
import { WITHHOLD_ALL } from '../../../sql/withholding.ts';
import { type Format, kindOf } from '../wire/types.ts';

interface StatementOptions extends LiteralOptions {
  /** It was counted when it was recorded. */
  readonly again?: boolean;
  /** Told of secrets that it says, and of parameters that are. */
  readonly onSecrets?: (found: FoundSecrets) => void;
}

const WITHHELD = '[withheld]';

/** A copy of the statement for the recording; the very same bytes when nothing in it is hidden. Never throws. */
export function maskStatement(bytes: Buffer, masks: Masks, options: StatementOptions): Buffer {
  try {
    const copy = Buffer.from(bytes);
    let hidden = false;
    const { length } = bytes;
    if (options.withholding || maySaySecret(bytes, 0, length) || mayRun(bytes, 0, length, options.prepared)) {
      const found = hideLiterals(copy, options);
      hidden = found.hidden;
      if (options.again !== true) for (const [by, count] of found.counts) masks.hide(by, count);
      options.onSecrets?.(found);
    }
    const found = masks.maskInPlace(copy, 0, copy.length, options.again !== true);
    return hidden || found ? copy : bytes;
  } catch {
    masks.report({ kind: 'mask.withheld', reason: 'masking_failed' });
    return Buffer.from(sameLength(WITHHELD, bytes.length));
  }
}

/** The same for the text of a fact. */
export function maskStatementText(text: string, masks: Masks, options: StatementOptions): string {
  const bytes = Buffer.from(text);
  const masked = maskStatement(bytes, masks, options);
  return masked === bytes ? text : masked.toString('utf8');
}

/** The same where nobody knows what it says, or which of its strings escape. */
export const maskUnreadText = (text: string, masks: Masks): string =>
  maskStatementText(text, masks, { withholding: WITHHOLD_ALL, backslashEscapes: true, again: true });

/** A bind parameter as it is recorded: as many bytes, of its type where detectors found something. Never throws. */
export function maskParameter(value: Buffer, type: number, format: Format, masks: Masks): Buffer {
  try {
    const kind = kindOf(type);
    // Fixed bytes of other types only look like text by accident.
    if (format === 'binary' && !['text', 'json', 'jsonb', 'bytea', 'text-array', 'other'].includes(kind)) return value;
    const copy = Buffer.from(value);
    return masks.maskInPlace(copy, 0, copy.length) ? copy : value;
  } catch {
    masks.report({ kind: 'mask.withheld', reason: 'masking_failed' });
    masks.hide('not_certain');
    return hiddenFill(value.length);
  }
}
