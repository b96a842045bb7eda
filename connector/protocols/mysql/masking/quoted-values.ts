// Messages of the server that quote a value, by their code: its words, names of keys and columns stay, and the value is
// hidden. In MySQL and MariaDB (share/messages_to_clients.txt, share/errmsg-utf8.txt):
//
//   1062   Duplicate entry 'x' for key 'PRIMARY'
//   1366   Incorrect integer value: 'x' for column `shop`.`people`.`id` at row 1
//
// A value may be written so that it looks like the rest of its message: it reaches to the last place where that may begin.
// What is not of such a form is no message of these, and is hidden by whoever asks.

const NAME = "(?:'[^']*'|(?:`[^`]*`\\.){0,2}`[^`]*`)";
const TYPE = '[A-Za-z][\\w(), ]{0,63}';

/** In groups: what stays before the value and behind it; in messages that quote none, all of it. */
const FORMS: ReadonlyMap<number, RegExp> = new Map(
  (
    [
      [1062, `(Duplicate entry ').*(' for key ${NAME})`],
      [1586, `(Duplicate entry ').*(' for key ${NAME})`],
      [1022, `(Can't write; duplicate key in table ${NAME})`],
      [1048, `(Column ${NAME} cannot be null)`],
      [1242, '(Subquery returns more than 1 row)'],
      [1264, `(Out of range value for column ${NAME} at row \\d+)`],
      [1265, `(Data truncated for column ${NAME} at row \\d+)`],
      [1292, `((?:Truncated i|I)ncorrect ${TYPE} value: ').*(' for column ${NAME} at row \\d+|')`],
      [1365, '(Division by 0)'],
      [1366, `(Incorrect ${TYPE} value: ').*(' for column ${NAME} at row \\d+)`],
      [1406, `(Data too long for column ${NAME} at row \\d+)`],
      [1411, `(Incorrect ${TYPE} value: ').*(' for function \\w+)`],
      [1525, `(Incorrect ${TYPE} value: ').*(')`],
      [1526, '(Table has no partition for value ).*()'],
      [1690, `(${TYPE} value is out of range in ').*(')`],
      [3819, `(Check constraint ${NAME} is violated\\.)`],
      [4025, `(CONSTRAINT ${NAME} failed for ${NAME})`],
    ] as const
  ).map(([code, form]) => [code, new RegExp(`^${form}$`, 's')]),
);

/** A server cuts a message at 511 bytes, and with it perhaps what stands behind the value. */
const MAX_WHOLE_BYTES = 480;

/** Undefined: it is of no form that is known. */
export function withoutQuotedValue(code: number, message: string): string | undefined {
  if (Buffer.byteLength(message) > MAX_WHOLE_BYTES) return undefined;
  const found = FORMS.get(code)?.exec(message);
  if (!found) return undefined;
  const [, before = '', behind] = found;
  return behind === undefined ? before : `${before}[masked]${behind}`;
}
