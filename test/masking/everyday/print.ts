// Prints the table of docs/masking.md: `node test/masking/everyday/print.ts`, with `--differences` each of them.

import { faultsIn, GROUPS, startShop, tryCase } from './everyday.ts';
import type { Pair } from './pair.ts';

const each = process.argv.includes('--differences');
const rows: [name: string, cases: number, equal: number, masked: number, differ: number][] = [];
const pairs = new Map<15 | 18, Pair>();
try {
  for (const group of GROUPS) {
    const pair = pairs.get(group.version) ?? (await startShop(group.version));
    pairs.set(group.version, pair);
    const found = [];
    for (const of of group.cases) {
      const one = await tryCase(pair, group, of);
      found.push(one);
      if (each)
        for (const { kind, where } of faultsIn(one)) console.log(`${group.name}: ${of.name}\n  ${kind}: ${where}`);
    }
    const differ = found.filter((one) => faultsIn(one).length > 0).length;
    const equal = found.filter((one) => one.length === 0).length;
    rows.push([group.name, found.length, equal, found.length - equal - differ, differ]);
  }
} finally {
  for (const pair of pairs.values()) await pair.close();
}
const sum = (at: 1 | 2 | 3 | 4) => rows.reduce((all, row) => all + row[at], 0);
console.log('| | sessions | equal | masked as a rule says | differ |\n| --- | ---: | ---: | ---: | ---: |');
for (const row of [...rows, ['all', sum(1), sum(2), sum(3), sum(4)]]) console.log(`| ${row.join(' | ')} |`);
