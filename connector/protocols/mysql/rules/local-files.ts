// LOAD DATA LOCAL, which sends a file of the client's: where rules allow it, and which file a text asks for.

import { isUtf8 } from 'node:buffer';
import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import type { StatementRules } from '../../../../core/policy/sections/statements.ts';
import { everyStatement } from '../../../../core/sql/statement.ts';
import { notSupported } from '../wire/refusals.ts';
import type { MysqlError } from '../wire/replies.ts';

/** Whether an entry names it, so that the target is told that the client may be asked. */
export const opensFiles = (rules: StatementRules | undefined): boolean =>
  rules?.entries.some(
    ({ effect, patterns }) =>
      (effect === 'allow' || effect === 'hold') && patterns.some(({ word }) => word === 'load data local'),
  ) === true;

/** Whether a text may load one. False is certain, in any character set that sessions have. */
export const mayLoad = (text: Buffer): boolean => {
  const characters = text.toString('latin1');
  return /load/i.test(characters) && /local/i.test(characters);
};

interface AskedFile {
  /** Its name, as the target has it. */
  readonly file?: Buffer;
  readonly refused?: MysqlError;
}

/** `text`: as it was read. `prepared`: it runs later. */
export function fileAskedBy(read: Summaries, text: Buffer, prepared: boolean): AskedFile {
  if (!read.ok) return {};
  const loads = read.value.flatMap((top) => [...everyStatement(top)]).filter((one) => one.clientFile !== undefined);
  const [load] = loads;
  if (!load) return {};
  if (prepared || read.value.length > 1 || load !== read.value[0])
    return { refused: notSupported('LOAD DATA LOCAL is taken as a query, alone in its text.') };
  if (typeof load.clientFile !== 'string')
    return {
      refused: notSupported('LOAD DATA LOCAL: the name of the file is not certain. Write it without backslashes.'),
    };
  return { file: Buffer.from(load.clientFile, isUtf8(text) ? 'utf8' : 'latin1') };
}
