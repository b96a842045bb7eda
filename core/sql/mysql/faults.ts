import type { Unparsable } from '../statement.ts';

/** Ends the reading of a text; summarizeMysql makes an Unparsable of it. The message quotes nothing of the text. */
export class MysqlFault extends Error {
  readonly reason: Unparsable['reason'];

  constructor(reason: Unparsable['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}
