// node test/masking/print-scores.ts: the table of docs/masking.md, and what is still got wrong.

import { mistakes, SET, scoreOurs, scorePlain } from './labelled/score.ts';

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const plain = scorePlain();
console.log(`${SET.length} texts\n`);
console.log('| detector | values | precision | recall | plain regex: precision | recall |');
console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
scoreOurs().forEach(({ detector, values, precision, recall }, index) => {
  const other = plain[index];
  console.log(
    `| \`${detector}\` | ${values} | ${percent(precision)} | ${percent(recall)} | ${percent(other?.precision ?? 0)} | ${percent(other?.recall ?? 0)} |`,
  );
});
if (process.argv.includes('--mistakes')) console.log(`\n${mistakes().join('\n')}`);
