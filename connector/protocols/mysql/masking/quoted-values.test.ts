import { expect, it } from 'vitest';
import { withoutQuotedValue } from './quoted-values.ts';

it.each([
  [1062, "Duplicate entry 'SECRET' for key 'u_u'", "Duplicate entry '[masked]' for key 'u_u'"],
  [1062, "Duplicate entry 'SECRET' for key 'people.u_u'", "Duplicate entry '[masked]' for key 'people.u_u'"],
  [1062, "Duplicate entry 'it's\nSECRET-1' for key 'PRIMARY'", "Duplicate entry '[masked]' for key 'PRIMARY'"],
  [1062, "Duplicate entry 'a' for key 'SECRET' for key 'group_key'", "Duplicate entry '[masked]' for key 'group_key'"],
  [1062, "Duplicate entry 'a' for key 'SECRET", undefined],
  [1062, `Duplicate entry '${'😀'.repeat(120)}' for key 'SECRET'`, undefined],
  [1062, 'my own words about SECRET', undefined],
  [1048, "Column 'id' cannot be null", "Column 'id' cannot be null"],
  [1264, "Out of range value for column 'n' at row 12", "Out of range value for column 'n' at row 12"],
  [1292, "Truncated incorrect INTEGER value: 'SECRET'", "Truncated incorrect INTEGER value: '[masked]'"],
  [
    1292,
    "Truncated incorrect INTEGER value: 'a' for column 'SECRET' at row 1'",
    "Truncated incorrect INTEGER value: '[masked]'",
  ],
  [
    1292,
    "Incorrect datetime value: 'SECRET' for column `s`.`t`.`d` at row 1",
    "Incorrect datetime value: '[masked]' for column `s`.`t`.`d` at row 1",
  ],
  [
    1366,
    "Incorrect integer value: 'SECRET' for column `s`.`t`.`id` at row 1",
    "Incorrect integer value: '[masked]' for column `s`.`t`.`id` at row 1",
  ],
  [
    1366,
    "Incorrect integer value: 'SECRET' for column 'id' at row 1",
    "Incorrect integer value: '[masked]' for column 'id' at row 1",
  ],
  [1406, "Data too long for column 'u' at row 1", "Data too long for column 'u' at row 1"],
  [1525, "Incorrect DATETIME value: 'SECRET'", "Incorrect DATETIME value: '[masked]'"],
  [1526, 'Table has no partition for value SECRET', 'Table has no partition for value [masked]'],
  [
    1690,
    "BIGINT UNSIGNED value is out of range in '(SECRET - 1)'",
    "BIGINT UNSIGNED value is out of range in '[masked]'",
  ],
  [4025, 'CONSTRAINT `c` failed for `s`.`t`', 'CONSTRAINT `c` failed for `s`.`t`'],
  [3819, "Check constraint 'c' is violated.", "Check constraint 'c' is violated."],
  [1003, "select 'SECRET' AS `u`", undefined],
])('%i: %s', (code, message, shown) => expect(withoutQuotedValue(code, message)).toBe(shown));
