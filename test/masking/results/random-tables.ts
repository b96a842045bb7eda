// Random rows under random rules. The same seed gives the same.

import { DETECTOR_NAMES, type DetectorName } from '../../../core/masking/detectors/names.ts';
import { generate, HARD_CASES, randomOf } from '../labelled/cases.ts';
import { BPCHAR, INT4, NUMERIC, TEXT, type TextWay, type Todo, type Value, VARCHAR } from './plain-rewriter.ts';

export interface Table {
  readonly seed: number;
  readonly rules: readonly unknown[];
  readonly names: readonly DetectorName[];
  readonly way: TextWay;
  readonly columns: readonly { readonly name: string; readonly type: number; readonly todo: Todo }[];
  readonly rows: readonly (readonly Value[])[];
  below(limit: number): number;
}

const WAYS: readonly TextWay[] = ['placeholder', 'partial', 'hash', 'null', { fixed: 'x,y\tz' }];
const LABELLED = [...HARD_CASES, ...generate(11, 400)];

export function randomTable(seed: number): Table {
  const random = randomOf(seed);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const some = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet[below(alphabet.length)]).join('');
  const names = below(3) === 0 ? [...DETECTOR_NAMES] : DETECTOR_NAMES.filter(() => below(2) === 0);
  const way = pick(WAYS);
  const columns = Array.from({ length: 1 + below(9) }, (_, index) => {
    const what = below(3);
    const type = what === 0 ? INT4 : what === 2 && below(4) === 0 ? NUMERIC : pick([TEXT, TEXT, VARCHAR, BPCHAR]);
    const todo: Todo =
      what === 0
        ? { kind: 'pass' }
        : what === 1
          ? { kind: 'mask', way: pick(WAYS), type }
          : names.length > 0
            ? { kind: type === NUMERIC ? 'search number' : 'search' }
            : { kind: 'pass' };
    return { name: `c${index}`, type, todo };
  });
  const value = (type: number): Value => {
    if (below(9) === 0) return null;
    if (type === INT4) return Buffer.from(String(below(1e6)));
    if (type === NUMERIC)
      return Buffer.from(pick(['4111111111111111', '79927398713', some('0123456789', 1 + below(20))]));
    switch (below(12)) {
      case 0:
        return Buffer.from(some('0123456789 -', below(26)));
      case 1:
        return Buffer.from(`${pick(['', '+', '('])}${some('0123456789 ()./-', below(18))}`);
      case 2:
        return Buffer.from(`${some('a.@b ', below(9))}@${some('cd.@', below(8))}`);
      case 3:
        return Buffer.from(`${some('ABZ', 2)}${some('0189', 2)}${some('AZ09 ', below(20))}`);
      case 4:
        return Buffer.from(`${some('0123456789', 3)}-${some('0123456789', 2)}-${some('0123456789', pick([3, 4, 5]))}`);
      case 5:
        return Buffer.from(some('aZ é\\"\t\n\r\b\v,;*[]_@.😀', below(30)));
      case 6:
        return Buffer.from(some('aZ 5é*._-', below(6)));
      // A length whose last byte is that of a sign.
      case 7:
        return Buffer.from(`${pick(LABELLED).values[0]?.[1] ?? ''} `.padEnd(pick([95, 65, 64, 48]), 'lorem ipsum '));
      case 8:
        return Buffer.from(`${pick(LABELLED).text}${some(' \n,', below(3))}${pick(LABELLED).text}`);
      default:
        return Buffer.from(pick(LABELLED).text);
    }
  };
  // Some tables hold nothing that COPY would quote or escape.
  const simple = below(3) === 0;
  const cell = (type: number): Value => {
    const made = value(type);
    return made && simple ? Buffer.from(made.toString().replace(/["\\,;|]|[^ -~]/g, '')) : made;
  };
  const rows = Array.from({ length: below(14) }, () => columns.map(({ type }) => cell(type)));
  const masks = columns.flatMap(({ name, todo }) =>
    todo.kind === 'mask' ? [{ columns: [`t.${name}`], with: todo.way }] : [],
  );
  const rules = names.length > 0 ? [...masks, { detect: names, with: way }] : masks;
  return { seed, rules, names, way, columns, rows, below };
}
